// SPDX-License-Identifier: Apache-2.0
// What hostile software may do with an engine: descriptors of any content in a ring that changes
// while it is worked on, accesses of any shape to registers and configuration space (accesses.h),
// faults and resets in between.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "accel/accelerator.h"
#include "accesses.h"
#include "mock_accel.h"
#include "pci/testing.h"

namespace mockdev::fuzz {
namespace {

using pci::FlatMemory;

constexpr std::size_t kMachine = std::size_t{64} << 10U;
constexpr ByteCount kDevice = 64_KiB;
constexpr std::uint64_t kRingSize = 8;
constexpr std::uint64_t kBusMaster = 4;  // of the Command register

constexpr accel::Settings kSettings{
    .uuid = Uuid(Uuid::Bytes{std::byte{1}}), .memory = kDevice, .capabilities = 1};

/// An address as hostile software would choose it.
std::uint64_t next_address(Input& input) {
  const std::uint8_t kind = input.byte();
  const std::uint64_t offset = input.word();
  switch (kind & 7U) {
    case 0:
      return 0;
    case 1:
      return ~std::uint64_t{0} - offset;
    case 2:
      return FlatMemory::kAddress + kMachine - offset % 64;
    case 3:
      return kDevice.value() - offset % 64;
    case 4:
      return offset;
    default:
      return FlatMemory::kAddress + (offset & ~std::uint64_t{0x1f});
  }
}

std::uint64_t next_length(Input& input) {
  const std::uint8_t kind = input.byte();
  const std::uint64_t length = input.word();
  switch (kind & 7U) {
    case 0:
      return ~std::uint64_t{0} - length;
    case 1:
      return MOCK_ACCEL_MAX_LENGTH + (kind >> 3U) - 1U;
    default:
      return length;
  }
}

mock_accel_descriptor next_descriptor(Input& input) {
  mock_accel_descriptor descriptor{};
  const std::uint8_t head = input.byte();
  descriptor.operation = head & 7U;
  descriptor.flags = head >> 4U;
  descriptor.source = next_address(input);
  descriptor.destination = next_address(input);
  descriptor.length = next_length(input);
  descriptor.operand = input.word();
  descriptor.completion = next_address(input);
  descriptor.reserved1[1] = head == 0xff ? 1 : 0;
  return descriptor;
}

/// Takes interrupts, of which some are the engine's.
class Ignorer final : public pci::InterruptSink {
 public:
  void interrupt(std::uint16_t /*vector*/, const pci::Message& /*message*/) override {}
};

class Subject {
 public:
  Subject() {
    device_->set_interrupt_sink(&sink_);
    device_->set_machine_memory(&memory_);
    write_config(kCommand, 2, kBusMaster);
    write(MOCK_ACCEL_REG_RING_BASE, 8, FlatMemory::kAddress);
    write(MOCK_ACCEL_REG_RING_SIZE, 4, kRingSize);
    write(MOCK_ACCEL_REG_ENGINE_CONTROL, 4, MOCK_ACCEL_ENGINE_ENABLE);
  }

  void run(Input& input) {
    const Access access = next_access(input);
    const std::uint64_t offset = access.offset % MOCK_ACCEL_BAR_SIZE;
    switch (access.verb) {
      case Verb::read: {
        std::array<std::byte, 64> into;
        const std::size_t size = std::min<std::size_t>(access.size, MOCK_ACCEL_BAR_SIZE - offset);
        device_->bar_read(MOCK_ACCEL_BAR, offset, std::span(into).first(size));
        break;
      }
      case Verb::write:
        device_->bar_write(MOCK_ACCEL_BAR, offset,
                           access.data.first(std::min<std::size_t>(access.data.size(),
                                                                   MOCK_ACCEL_BAR_SIZE - offset)));
        break;
      case Verb::write_config:
        device_->config_write(access.offset % pci::kConfigSize, access.data);
        break;
      case Verb::other:
        operate(access, input);
        break;
    }
  }

  /// The machine goes. However the engine was left, it comes to rest and forgets.
  void end() {
    device_->set_machine_memory(nullptr);
    device_->reset();
    for (int i = 0; (read(MOCK_ACCEL_REG_ENGINE_STATUS) & MOCK_ACCEL_ENGINE_BUSY) != 0; ++i) {
      require(i < kMillisecondsToRest);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    require(read(MOCK_ACCEL_REG_RING_HEAD) == 0 && read(MOCK_ACCEL_REG_ENGINE_STATUS) == 0);
  }

 private:
  static constexpr std::size_t kCommand = 4;
  static constexpr int kMillisecondsToRest = 10'000;

  void operate(const Access& access, Input& input) {
    const auto faults = accel::fault_kinds();
    const auto& fault = faults[access.size % faults.size()];
    switch (access.offset & 7U) {
      case 0:
        (void)device_->inject(fault.name, std::nullopt);
        break;
      case 1:
        (void)device_->heal(fault.name);
        break;
      case 2:
        write(MOCK_ACCEL_REG_ENGINE_CONTROL, 4, 0);
        write(MOCK_ACCEL_REG_ENGINE_CONTROL, 4, MOCK_ACCEL_ENGINE_ENABLE);
        break;
      case 3:
        write(MOCK_ACCEL_REG_RING_TAIL, 4, read(MOCK_ACCEL_REG_RING_TAIL) + access.size % 10);
        break;
      default:
        put_descriptor(access.size % kRingSize, next_descriptor(input));
        write(MOCK_ACCEL_REG_RING_TAIL, 4, read(MOCK_ACCEL_REG_RING_TAIL) + 1);
        break;
    }
  }

  void put_descriptor(std::uint64_t slot, const mock_accel_descriptor& descriptor) {
    std::array<std::byte, sizeof(descriptor)> bytes;
    std::memcpy(bytes.data(), &descriptor, sizeof(descriptor));
    require(memory_.write(FlatMemory::kAddress + (slot * sizeof(descriptor)), bytes).has_value());
  }

  std::uint64_t read(std::uint64_t offset) {
    return pci::read_number(
        [this](auto at, auto into) { device_->bar_read(MOCK_ACCEL_BAR, at, into); }, offset, 4);
  }
  void write(std::uint64_t offset, std::size_t size, std::uint64_t value) {
    pci::write_number([this](auto at, auto data) { device_->bar_write(MOCK_ACCEL_BAR, at, data); },
                      offset, size, value);
  }
  void write_config(std::size_t offset, std::size_t size, std::uint64_t value) {
    pci::write_number([this](auto at, auto data) { device_->config_write(at, data); }, offset, size,
                      value);
  }

  // What the device uses outlives it.
  FlatMemory memory_{kMachine};
  Ignorer sink_;
  std::unique_ptr<accel::Accelerator> device_ = *accel::Accelerator::make(kSettings);
};

}  // namespace
}  // namespace mockdev::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mockdev::fuzz;
  Input input(std::as_bytes(std::span(data, size)));
  Subject subject;
  for (int i = 0; i < kMaxAccesses && !input.empty(); ++i) subject.run(input);
  subject.end();
  return 0;
}
