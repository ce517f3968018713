// SPDX-License-Identifier: Apache-2.0
// The memory on the accelerator's board.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace mockdev::accel {

/// Memory of any size that costs what has been written to: it lies in a sparse anonymous file,
/// made at the first write. What was never written reads as zeros.
///
/// One of these holds what one owner leaves. Memory is wiped by retiring it and putting a new one
/// in its place, which is done at once however much there is: the host gets its memory back when
/// the last user of the retired one lets go, and that may take seconds. Thread-safe.
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
  /// host has no memory left; then a part may have been written. Copies that overlap may mix.
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::span<std::byte> into) const;
  [[nodiscard]] Result<void> write(std::uint64_t offset, std::span<const std::byte> data);

  /// From now on it reads as zeros, and what is written to it is lost. A copy that is under way
  /// may still see what there was.
  void retire() { retired_ = true; }

 private:
  [[nodiscard]] Result<void> check_range(std::uint64_t offset, std::size_t count) const;
  /// The file, made if there is none.
  [[nodiscard]] Result<int> file_for_writing();

  ByteCount size_;
  std::atomic<bool> retired_ = false;
  std::atomic<int> fd_ = -1;  ///< that of file_, for those who don't make it
  std::mutex making_;         ///< guards file_
  UniqueFd file_;
};

}  // namespace mockdev::accel
