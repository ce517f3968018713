// SPDX-License-Identifier: Apache-2.0
// The engine of a function: the ring that software writes, and the thread that works through it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "accel/descriptor.h"
#include "accel/device_memory.h"
#include "accel/faults.h"
#include "accel/ring.h"
#include "base/thread.h"
#include "mock_accel.h"
#include "pci/function.h"
#include "pci/msix.h"

namespace mockdev::accel {

/// One engine, as abi/mock_accel.h has it.
///
/// Threads. An engine has a thread of its own while it has work and for a moment after it, and
/// otherwise none: a thousand functions that idle cost no thread. Threads are not shared between
/// engines, because memory requests may wait for the machine for seconds: one machine that does not
/// answer must not hold up another's.
///
/// Locks. There is one, the function's, which guards its registers, its condition and the engine.
/// Every member is called with it held, and none waits with it held. The thread makes no request to
/// memory while it holds the lock, so accesses to registers never wait for one; it does hold it
/// while it raises its vector. The lock comes after those of PF and bridge, before those of whoever
/// delivers interrupts.
///
/// To stop the engine is to say that the work at hand is not wanted any more (give_up()): it looks
/// for that before each piece of at most kPieceSize bytes, and before it tells of an end.
class Engine {
 public:
  /// Bytes that are moved at once. More would not be faster: a piece is to be found in the
  /// processor's cache when it is written after it was read.
  static constexpr std::size_t kPieceSize = std::size_t{256} << 10U;

  /// The parts of its function that an engine works with; they outlive it.
  struct Surroundings {
    std::mutex& lock;  ///< guards the others, and the engine
    std::shared_ptr<DeviceMemory>& memory;
    const Condition& condition;
    pci::Msix& msix;
  };

  explicit Engine(const Surroundings& surroundings) : function_(surroundings) {}
  /// Gives up what is at work. Called without the lock, as it waits for the thread.
  ~Engine();

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  Engine(Engine&&) = delete;
  Engine& operator=(Engine&&) = delete;

  // Registers: values as software reads and writes them.
  [[nodiscard]] bool enabled() const { return enabled_; }
  [[nodiscard]] std::uint32_t status() const;
  [[nodiscard]] std::uint64_t ring_base() const { return ring_base_; }
  [[nodiscard]] std::uint32_t ring_size() const { return ring_size_; }
  [[nodiscard]] std::uint32_t head() const { return ring_.head; }
  [[nodiscard]] std::uint32_t tail() const { return tail_; }
  void set_enabled(bool enabled);
  void set_ring_base(std::uint64_t base) { ring_base_ = base; }
  void set_ring_size(std::uint32_t size) { ring_size_ = size; }
  void set_tail(std::uint32_t tail) { tail_ = tail; }
  /// TAIL is written in full: the descriptors before it are ready. Nothing unless the engine is
  /// enabled and has not halted.
  void ring_doorbell();

  /// A reset of any kind: disabled, registers at 0. Does not wait for the work at hand.
  void reset();

  /// Whether the function may make memory requests.
  void set_bus_master(bool may) { bus_master_ = may; }

  /// The memory to work on; nullptr: none, all requests fail. `held` is the lock, which is let go
  /// while a call of what was set before is under way.
  void set_machine_memory(std::unique_lock<std::mutex>& held, pci::MachineMemory* memory);
  [[nodiscard]] pci::MachineMemory* machine_memory() const { return machine_; }

  /// The function's condition has changed: what a fault holds up may go on.
  void condition_changed() { changed_.notify_all(); }

  /// Lets go of memory that was retired, in the engine's thread, as it may take long.
  void release(std::shared_ptr<DeviceMemory> memory);

 private:
  class Job;
  using Lock = std::unique_lock<std::mutex>;

  [[nodiscard]] bool works() const { return enabled_ && halt_reason_ == 0; }
  [[nodiscard]] bool has_descriptors() const { return works() && !ring_.is_empty(); }
  void halt(std::uint8_t reason);
  void give_up();
  void raise_vector();
  void wake();

  // The thread.
  void run();
  void release_retired(Lock& lock);
  void work_on_next(Lock& lock, std::span<std::byte> buffer);
  void finish(const Descriptor& descriptor);

  const Surroundings function_;

  // Registers.
  bool enabled_ = false;
  std::uint8_t halt_reason_ = 0;  ///< MOCK_ACCEL_HALT_*; 0: it has not halted
  std::uint64_t ring_base_ = 0;
  std::uint32_t ring_size_ = 0;
  std::uint32_t tail_ = 0;

  Ring ring_;  ///< as software had set it when it enabled the engine
  bool bus_master_ = false;
  pci::MachineMemory* machine_ = nullptr;

  std::uint64_t run_ = 0;                 ///< another one: what is at work is given up
  bool working_ = false;                  ///< a descriptor is at work, wanted or not
  pci::MachineMemory* in_use_ = nullptr;  ///< a call of it is under way
  std::vector<std::shared_ptr<DeviceMemory>> retired_;
  bool thread_runs_ = false;
  bool ends_ = false;
  std::condition_variable changed_;  ///< any of these, or the condition
  std::optional<Thread> thread_;     ///< that runs or has run
};

}  // namespace mockdev::accel
