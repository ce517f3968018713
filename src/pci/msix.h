// SPDX-License-Identifier: Apache-2.0
// The MSI-X state of a function: table, pending bits, delivery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pci/config_space.h"
#include "pci/function.h"

namespace mockdev::pci {

/// What the configuration space says about a function's interrupts.
struct MsixControl {
  bool enabled = false;  ///< MSI-X Enable
  /// Function Mask is set, Bus Master Enable is clear or the function sleeps: what is raised waits
  /// among the pending bits.
  bool held = false;

  bool operator==(const MsixControl&) const = default;
};

/// Reads it out of a space whose layout has MSI-X and Power Management.
[[nodiscard]] MsixControl msix_control(const ConfigSpace& space);

/// Table and pending bits as they stand in a BAR (PCIe 6.0 §6.1.4, §7.7.2), and what becomes of
/// an interrupt that is raised: sent, kept pending while it is masked, or lost while MSI-X is off.
/// Not thread-safe.
class Msix {
 public:
  /// Bytes of one entry of the table: address, data, vector control.
  static constexpr std::size_t kEntrySize = 16;
  static constexpr std::size_t kMaxVectors = 64;

  /// `vectors`: 1 to 64.
  explicit Msix(std::uint16_t vectors);

  [[nodiscard]] std::uint16_t vectors() const;

  /// The whole table and all pending bits, in the order of a BAR's bytes.
  [[nodiscard]] std::span<const std::byte> table() const { return table_; }
  [[nodiscard]] std::uint64_t pending_bits() const { return pending_; }

  /// Puts `table`, of the table's size, in place of what it held, but for bits that are read-only.
  void write_table(std::span<const std::byte> table);

  void raise(std::uint16_t vector);

  void set_control(MsixControl control);

  /// Where interrupts go; nullptr: nowhere, they stay pending.
  void set_sink(InterruptSink* sink);

  /// All vectors masked, none pending, MSI-X off.
  void reset();

 private:
  void send_pending();
  [[nodiscard]] Message message(std::size_t vector) const;
  [[nodiscard]] bool masked(std::size_t vector) const;

  std::vector<std::byte> table_;
  std::uint64_t pending_ = 0;
  MsixControl control_;
  InterruptSink* sink_ = nullptr;
};

}  // namespace mockdev::pci
