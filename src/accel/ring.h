// SPDX-License-Identifier: Apache-2.0
// The ring of descriptors: where it lies, and how far software and the engine have come.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "accel/descriptor.h"
#include "mock_accel.h"

namespace mockdev::accel {

/// Indices count on without bound, modulo 2^32.
struct Ring {
  std::uint64_t base = 0;   ///< address in the machine's memory
  std::uint32_t size = 0;   ///< descriptors
  std::uint32_t head = 0;   ///< the first that the engine has not finished
  std::uint32_t ready = 0;  ///< the first that software has not said to be ready

  /// Whether place and size are possible. If not, no other member makes sense.
  [[nodiscard]] constexpr bool is_valid() const {
    const bool has_size =
        std::has_single_bit(size) && size >= MOCK_ACCEL_RING_MIN && size <= MOCK_ACCEL_RING_MAX;
    if (!has_size || base % kDescriptorSize != 0) return false;
    return size * kDescriptorSize - 1 <= std::numeric_limits<std::uint64_t>::max() - base;
  }
  [[nodiscard]] constexpr bool is_empty() const { return head == ready; }
  /// More descriptors are ready than there is room for, or fewer than are finished.
  [[nodiscard]] constexpr bool is_overrun() const { return ready - head > size; }
  /// The address of the descriptor at the head.
  [[nodiscard]] constexpr std::uint64_t next() const {
    return base + (head % size) * kDescriptorSize;
  }
};

}  // namespace mockdev::accel
