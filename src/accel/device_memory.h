// SPDX-License-Identifier: Apache-2.0
// The memory on the accelerator's board.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>

#include "base/error.h"
#include "base/mapping.h"
#include "base/units.h"

namespace mockdev::accel {

/// Memory of any size that costs what has been written to: it lies in pieces of the host's memory,
/// each made at the first write to it. What was never written reads as zeros.
///
/// One of these holds what one owner leaves. Memory is wiped by retiring it and putting a new one
/// in its place, which is done at once however much there is: the host gets its memory back when
/// the last user of the retired one lets go, and that may take seconds. Thread-safe.
class DeviceMemory {
 public:
  /// The largest size: offsets stay below 2^63, as those of a file do.
  static constexpr ByteCount kMaxSize{0x7fff'ffff'ffff'f000};

  /// `size`: up to kMaxSize.
  explicit DeviceMemory(ByteCount size) : size_(size) {}

  [[nodiscard]] ByteCount size() const { return size_; }

  /// Whether it was never written to, and so costs nothing.
  [[nodiscard]] bool is_blank() const;

  /// Copy from and to the memory. They fail on a range that is not all within it, and when the
  /// host has no memory left; then a part may have been written. Copies that overlap may mix.
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::span<std::byte> into) const;
  [[nodiscard]] Result<void> write(std::uint64_t offset, std::span<const std::byte> data);

  /// The memory itself, for who would only copy it on: `count` bytes of it from `offset` on, or as
  /// many of them as lie in one piece; at least 1, unless `count` is 0. They stay as long as this
  /// does. Bytes to look at may be zeros that stand for what was not written, and become stale by
  /// writes. Both fail as read() and write() do.
  [[nodiscard]] Result<std::span<const std::byte>> look(std::uint64_t offset,
                                                        std::size_t count) const;
  [[nodiscard]] Result<std::span<std::byte>> open(std::uint64_t offset, std::size_t count);

  /// From now on it reads as zeros, and what is written to it is lost. A copy that is under way
  /// may still see what there was.
  void retire() { retired_ = true; }

 private:
  [[nodiscard]] Result<void> check_range(std::uint64_t offset, std::size_t count) const;
  /// Makes the piece with this number if there is none.
  [[nodiscard]] Result<std::span<std::byte>> piece(std::uint64_t number);

  ByteCount size_;
  std::atomic<bool> retired_ = false;
  mutable std::mutex mutex_;                 ///< guards pieces_
  std::map<std::uint64_t, Mapping> pieces_;  ///< by offset / kPiece; none goes while this lives
};

}  // namespace mockdev::accel
