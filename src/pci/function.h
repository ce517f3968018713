// SPDX-License-Identifier: Apache-2.0
// A PCI Express function as the machine around it sees it. Knows no transport: what sits between
// a function and its machine (a vfio-user connection, a bridge's window) is somebody else's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/units.h"

namespace mockdev::pci {

/// Bytes of a PCI Express function's configuration space (PCIe 6.0 §7.2).
inline constexpr std::size_t kConfigSize = 4096;
/// Bytes of the part that conventional PCI knows.
inline constexpr std::size_t kConventionalConfigSize = 256;
inline constexpr std::size_t kBarCount = 6;

/// One base address register. Size 0: not implemented. A 64-bit BAR takes the next register too,
/// whose entry stays empty.
struct Bar {
  ByteCount size;  ///< power of two, at least 16
  bool is_64bit = false;
  bool prefetchable = false;
};

using Bars = std::array<Bar, kBarCount>;

/// What software has a function write as an interrupt (PCIe 6.0 §6.1.4).
struct Message {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
};

/// Where a function's interrupts go. The machine that holds the function provides it.
class InterruptSink {
 public:
  virtual ~InterruptSink() = default;
  /// Delivers MSI-X or MSI `vector`, for which software has set `message`. Called from any thread;
  /// must not block or call back.
  virtual void interrupt(std::uint16_t vector, const Message& message) = 0;

  /// Whether software's accesses to the MSI-X table reach the function. QEMU keeps a table of its
  /// own for a function that is attached directly, and masks by it: the function's table then
  /// stays as reset left it, and must not decide what is delivered.
  [[nodiscard]] virtual bool shows_msix_table() const { return false; }
};

/// The memory of the machine that holds a function, as its memory requests reach it (DMA). Whether
/// a function may make any (Bus Master Enable, power state) is for it to know.
///
/// Thread-safe. A call may wait for the machine, and so must not come from within an access to the
/// function, nor with a lock held that accesses take. It fails, soon, once the machine has gone.
class MachineMemory {
 public:
  virtual ~MachineMemory() = default;
  /// Copy from and to the memory. They fail on a range that is not all there; then a part may have
  /// been copied. No range reaches beyond the last address. What was written is there for software
  /// before anything that the function does afterwards.
  [[nodiscard]] virtual Result<void> read(std::uint64_t address, std::span<std::byte> into) = 0;
  [[nodiscard]] virtual Result<void> write(std::uint64_t address,
                                           std::span<const std::byte> data) = 0;
  /// Copies as many bytes as `buffer` has from one range to another, which does not overlap it: at
  /// once where it can, else through the buffer.
  [[nodiscard]] virtual Result<void> copy(std::uint64_t from, std::uint64_t to,
                                          std::span<std::byte> buffer) {
    if (auto done = read(from, buffer); !done) return done;
    return write(to, buffer);
  }
};

/// An error that a function tells its root port of (PCIe 6.0 §6.2.2).
enum class ErrorMessage : std::uint8_t { correctable, nonfatal, fatal };

class Function;

/// Where a memory request ends.
struct MemoryTarget {
  Function* function;
  unsigned bar;
  std::uint64_t offset;  ///< within the BAR
};

/// A function. Accesses come from one thread at a time. Offsets and lengths lie within the space
/// or BAR that they address; any length and alignment is allowed and answered. Whether a memory
/// access reaches the function (Memory Space Enable, power state) is the machine's decision.
class Function {
 public:
  virtual ~Function() = default;

  virtual void config_read(std::size_t offset, std::span<std::byte> into) = 0;
  virtual void config_write(std::size_t offset, std::span<const std::byte> data) = 0;

  [[nodiscard]] virtual const Bars& bars() const = 0;
  virtual void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual void bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) = 0;

  /// Where a memory request to `address` ends, if this function or one behind it decodes it at
  /// present: Memory Space Enable is set, it is in D0, and a BAR has that address.
  [[nodiscard]] virtual std::optional<MemoryTarget> claim(std::uint64_t address) = 0;

  /// The VFs that are enabled at present, by number: VF n has its PF's routing id + 1 + n. Valid
  /// until the next access to the PF, or its reset.
  [[nodiscard]] virtual std::span<Function* const> virtual_functions() { return {}; }

  /// Records an error of the function's link. Whether its root port is to hear of it, and of how
  /// serious an error: software may have masked it, or made it another one.
  virtual std::optional<ErrorMessage> record_error(ErrorMessage /*error*/) { return {}; }

  /// MSI-X vectors that the function has.
  [[nodiscard]] virtual std::uint16_t msix_vectors() const = 0;

  /// Fundamental reset (PCIe 6.0 §6.6.1): all that software can change returns to its default.
  virtual void reset() = 0;

  /// Sets where interrupts go; nullptr: nowhere. The sink must outlive the setting.
  virtual void set_interrupt_sink(InterruptSink* sink) = 0;

  /// Sets the memory that the function reaches; nullptr: none. It must outlive the setting. When
  /// this returns, what was set before is not in use any more; that may wait for a call of it to
  /// end. Functions that reach no memory have no use for it.
  virtual void set_machine_memory(MachineMemory* /*memory*/) {}
};

}  // namespace mockdev::pci
