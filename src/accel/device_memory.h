// SPDX-License-Identifier: Apache-2.0
// The memory on the accelerator's board.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace mockdev::accel {

/// Memory of any size that costs what has been written to: it lies in a sparse anonymous file,
/// made at the first write. What was never written reads as zeros. Not thread-safe.
class DeviceMemory {
 public:
  /// The largest size: what a file can have.
  static constexpr ByteCount kMaxSize{0x7fff'ffff'ffff'f000};

  /// `size`: up to kMaxSize.
  explicit DeviceMemory(ByteCount size) : size_(size) {}

  [[nodiscard]] ByteCount size() const { return size_; }

  /// What the memory costs the host at present.
  [[nodiscard]] ByteCount used() const;

  /// Copy from and to the memory. They fail on a range that is not all within it, and when the
  /// host has no memory left; then a part may have been written.
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::span<std::byte> into) const;
  [[nodiscard]] Result<void> write(std::uint64_t offset, std::span<const std::byte> data);

  /// Forgets all contents and gives the host its memory back.
  void wipe() { file_.reset(); }

 private:
  [[nodiscard]] Result<void> check_range(std::uint64_t offset, std::size_t count) const;
  [[nodiscard]] Result<void> create();

  ByteCount size_;
  UniqueFd file_;
};

}  // namespace mockdev::accel
