// SPDX-License-Identifier: Apache-2.0
// The configuration space of one function: its values, over the layout of its kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "pci/config_layout.h"

namespace mockdev::pci {

/// 4,096 bytes of values and one way to write them, safe for any offset, length and alignment: a
/// bit changes only where its mask allows. Not thread-safe.
class ConfigSpace {
 public:
  /// Starts as after a fundamental reset.
  explicit ConfigSpace(std::shared_ptr<const ConfigLayout> layout);

  [[nodiscard]] const ConfigLayout& layout() const { return *layout_; }

  /// A read by software. Bytes beyond the end of the space read as ones.
  void read(std::size_t offset, std::span<std::byte> into) const;

  /// A write by software. Configuration requests carry at most one doubleword (PCIe 6.0 §2.2.7),
  /// so a longer write is done as one for each doubleword that it touches, in rising order. Bytes
  /// beyond the end of the space are dropped.
  ConfigEffect write(std::size_t offset, std::span<const std::byte> data);

  /// The value of the register of `size` bytes, up to 8, at `offset`, which lies within the space.
  [[nodiscard]] std::uint64_t get(std::size_t offset, std::size_t size) const;

  /// Changes a register from the function's side, without regard to masks. Bits that software
  /// can't change keep such a value over every reset.
  void set(std::size_t offset, std::size_t size, std::uint64_t value);

  /// Fundamental reset: what software can change returns to its default. Sticky bits do too, since
  /// these functions have no auxiliary power (PCIe 6.0 §6.6.1, §7.4).
  void reset();

  /// Function-level reset (PCIe 6.0 §6.6.2): the same, but sticky bits and those of the link stay.
  void function_level_reset();

 private:
  ConfigEffect write_within_dword(std::size_t offset, std::span<const std::byte> data);

  std::shared_ptr<const ConfigLayout> layout_;
  ConfigLayout::Bytes values_;
};

}  // namespace mockdev::pci
