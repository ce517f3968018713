// SPDX-License-Identifier: Apache-2.0
#include "accel/engine.h"

#include <array>
#include <chrono>
#include <tuple>
#include <utility>

#include "accel/operations.h"
#include "base/log.h"

namespace mockdev::accel {
namespace {

/// How long a thread without work waits for more: longer than software takes between two pieces of
/// work that belong together, as starting a thread takes longer than waking one.
constexpr std::chrono::seconds kLinger{1};

}  // namespace

/// One descriptor at work, from its fetch to its completion record: what it may reach, for as long
/// as it is wanted. Used without the lock.
class Engine::Job final : public Workplace {
 public:
  /// With the lock held. The device's memory is that of the job's start, so that data of one owner
  /// does not get into the memory of the next.
  explicit Job(Engine& engine)
      : engine_(engine), run_(engine.run_), memory_(engine.function_.memory) {}

  /// With the lock held.
  [[nodiscard]] bool is_given_up() const { return engine_.run_ != run_; }

  [[nodiscard]] ByteCount device_memory() const override { return memory_->size(); }

  Step may_go_on() override {
    const Lock lock(engine_.function_.lock);
    if (is_given_up()) return std::unexpected(Stop::given_up);
    if (engine_.function_.condition.failed) return std::unexpected(Stop::failed);
    return {};
  }

  Step read(const Place& from, std::span<std::byte> into) override {
    if (!from.in_device) return read_machine(from.address, into);
    if (memory_->read(from.address, into)) return {};
    return std::unexpected(Stop::no_memory);
  }

  Step write(const Place& to, std::span<const std::byte> data) override {
    if (!to.in_device) return write_machine(to.address, data);
    if (memory_->write(to.address, data)) return {};
    return std::unexpected(Stop::no_memory);
  }

  Step copy_in_machine(std::uint64_t from, std::uint64_t to, std::span<std::byte> buffer) override {
    return request([&](pci::MachineMemory& memory) { return memory.copy(from, to, buffer); });
  }

  std::expected<std::span<const std::byte>, Stop> look(std::uint64_t offset,
                                                       std::size_t count) override {
    if (const auto bytes = memory_->look(offset, count)) return *bytes;
    return std::unexpected(Stop::no_memory);
  }

  std::expected<std::span<std::byte>, Stop> open(std::uint64_t offset, std::size_t count) override {
    if (const auto bytes = memory_->open(offset, count)) return *bytes;
    return std::unexpected(Stop::no_memory);
  }

  [[nodiscard]] bool flips_bits() const override {
    const Lock lock(engine_.function_.lock);
    return engine_.function_.condition.bitflip;
  }

  /// Reads the descriptor, once: software may change it at any time.
  std::expected<Descriptor, Stop> fetch(std::uint64_t address) {
    std::array<std::byte, kDescriptorSize> bytes{};
    if (auto read = read_machine(address, bytes); !read) return std::unexpected(read.error());
    return parse_descriptor(bytes);
  }

  /// All of a descriptor but what the registers show of its end.
  void work_on(const Descriptor& descriptor, std::span<std::byte> buffer) {
    be_slow();
    const auto completion = carry_out(descriptor, *this, buffer);
    be_hung();
    const auto record = record_address(descriptor);
    if (!completion || !record) return;
    // Where it can't be written, there is nobody to tell.
    std::ignore = write_machine(*record, completion_record(descriptor.tag, *completion));
  }

 private:
  /// Makes a memory request, if the function still may.
  template <typename Access>
  Step request(Access access) {
    Lock lock(engine_.function_.lock);
    if (is_given_up()) return std::unexpected(Stop::given_up);
    if (engine_.machine_ == nullptr || !engine_.bus_master_) {
      return std::unexpected(Stop::dma_fault);
    }
    engine_.in_use_ = engine_.machine_;
    lock.unlock();
    const bool done = access(*engine_.in_use_).has_value();
    lock.lock();
    engine_.in_use_ = nullptr;
    engine_.changed_.notify_all();
    if (!done) return std::unexpected(Stop::dma_fault);
    return {};
  }

  Step read_machine(std::uint64_t address, std::span<std::byte> into) {
    return request([&](pci::MachineMemory& memory) { return memory.read(address, into); });
  }

  Step write_machine(std::uint64_t address, std::span<const std::byte> data) {
    return request([&](pci::MachineMemory& memory) { return memory.write(address, data); });
  }

  /// The fault `slow`, which may come, change and go meanwhile.
  void be_slow() {
    Lock lock(engine_.function_.lock);
    const auto start = std::chrono::steady_clock::now();
    const auto& slow = engine_.function_.condition.slow;
    while (!is_given_up() && slow) {
      if (engine_.changed_.wait_until(lock, start + *slow) == std::cv_status::timeout) return;
    }
  }

  /// The fault `hung`.
  void be_hung() {
    Lock lock(engine_.function_.lock);
    engine_.changed_.wait(lock,
                          [this] { return is_given_up() || !engine_.function_.condition.hung; });
  }

  Engine& engine_;
  const std::uint64_t run_;
  const std::shared_ptr<DeviceMemory> memory_;
};

Engine::~Engine() {
  {
    const Lock lock(function_.lock);
    ends_ = true;
    give_up();
  }
  thread_.reset();
}

std::uint32_t Engine::status() const {
  const bool busy = working_ || has_descriptors();
  const bool halted = halt_reason_ != 0;
  return (busy ? MOCK_ACCEL_ENGINE_BUSY : 0U) | (halted ? MOCK_ACCEL_ENGINE_HALTED : 0U) |
         (std::uint32_t{halt_reason_} << MOCK_ACCEL_ENGINE_REASON_SHIFT);
}

void Engine::set_enabled(bool enabled) {
  if (enabled == enabled_) return;
  give_up();
  enabled_ = enabled;
  halt_reason_ = 0;
  if (!enabled) return;
  tail_ = 0;
  ring_ = {.base = ring_base_, .size = ring_size_};
  if (!ring_.is_valid()) halt(MOCK_ACCEL_HALT_BAD_RING);
}

void Engine::ring_doorbell() {
  if (!works()) return;
  ring_.ready = tail_;
  if (ring_.is_overrun()) {
    halt(MOCK_ACCEL_HALT_OVERRUN);
  } else if (has_descriptors()) {
    wake();
  }
}

void Engine::reset() {
  give_up();
  enabled_ = false;
  halt_reason_ = 0;
  ring_base_ = 0;
  ring_size_ = 0;
  tail_ = 0;
  ring_ = {};
  bus_master_ = false;
}

void Engine::set_machine_memory(Lock& held, pci::MachineMemory* memory) {
  const pci::MachineMemory* const before = std::exchange(machine_, memory);
  if (before == nullptr || before == memory) return;
  changed_.wait(held, [&] { return in_use_ != before; });
}

void Engine::release(std::shared_ptr<DeviceMemory> memory) {
  if (memory->is_blank()) return;
  retired_.push_back(std::move(memory));
  wake();
}

void Engine::halt(std::uint8_t reason) {
  give_up();
  halt_reason_ = reason;
  raise_vector();
}

void Engine::give_up() {
  ++run_;
  changed_.notify_all();
}

void Engine::raise_vector() {
  if (!function_.condition.lost_interrupt) function_.msix.raise(MOCK_ACCEL_VECTOR_ENGINE);
}

/// Has the thread look for work. A host without a thread to spare leaves the engine halted, as one
/// that can't get at its descriptors, and so to be enabled again later.
void Engine::wake() {
  changed_.notify_all();
  if (thread_runs_) return;
  thread_.reset();  // one that has let go of the lock for the last time
  auto thread = Thread::start([this] { run(); });
  if (!thread) {
    static std::once_flag once;  // software can make it happen as often as it likes
    std::call_once(once, [&] { log::warn("engine: {}", thread.error().message); });
    retired_.clear();
    if (has_descriptors()) halt(MOCK_ACCEL_HALT_FETCH);
    return;
  }
  thread_.emplace(*std::move(thread));
  thread_runs_ = true;
}

void Engine::run() {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kPieceSize);
  Lock lock(function_.lock);
  const auto is_wanted = [this] { return ends_ || has_descriptors() || !retired_.empty(); };
  while (changed_.wait_for(lock, kLinger, is_wanted) && !ends_) {
    release_retired(lock);
    if (has_descriptors()) work_on_next(lock, std::span(buffer.get(), kPieceSize));
  }
  thread_runs_ = false;
}

void Engine::release_retired(Lock& lock) {
  if (retired_.empty()) return;
  auto retired = std::exchange(retired_, {});
  lock.unlock();
  retired.clear();
  lock.lock();
}

void Engine::work_on_next(Lock& lock, std::span<std::byte> buffer) {
  working_ = true;
  Job job(*this);
  const std::uint64_t address = ring_.next();
  lock.unlock();
  const auto descriptor = job.fetch(address);
  if (descriptor) job.work_on(*descriptor, buffer);
  lock.lock();
  working_ = false;
  if (job.is_given_up()) return;
  if (!descriptor) return halt(MOCK_ACCEL_HALT_FETCH);
  finish(*descriptor);
}

void Engine::finish(const Descriptor& descriptor) {
  ++ring_.head;
  if ((descriptor.flags & MOCK_ACCEL_DESCRIPTOR_INTERRUPT) != 0) raise_vector();
  // Software may have taken back, by a TAIL that is no further than HEAD was, what was at work.
  if (ring_.is_overrun()) halt(MOCK_ACCEL_HALT_OVERRUN);
}

}  // namespace mockdev::accel
