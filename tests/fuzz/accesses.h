// SPDX-License-Identifier: Apache-2.0
// A fuzzer's input as a sequence of accesses to a function. One access is
//
//   byte 0     bits 7:6 what to do, bits 5:0 number of bytes - 1
//   bytes 1-2  offset, little-endian
//   then       for a write, the bytes to write
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace mockdev::fuzz {

/// Takes values from the front of an input; at its end they are 0.
class Input {
 public:
  explicit Input(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  std::uint8_t byte() {
    const auto taken = take(1);
    return taken.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(taken.front());
  }
  std::uint16_t word() {
    const std::uint16_t low = byte();
    return static_cast<std::uint16_t>(low | (byte() << 8));
  }
  /// At most `count` bytes: fewer at the end.
  std::span<const std::byte> take(std::size_t count) {
    const auto taken = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::byte> bytes_;
};

enum class Verb : std::uint8_t { read, write, write_config, other };

struct Access {
  Verb verb;
  std::uint16_t offset;
  std::size_t size;                 ///< 1 to 64
  std::span<const std::byte> data;  ///< of a write: `size` bytes, or fewer at the input's end
};

inline Access next_access(Input& input) {
  const std::uint8_t head = input.byte();
  Access access{.verb = static_cast<Verb>(head >> 6U),
                .offset = input.word(),
                .size = (head & 0x3fU) + 1U,
                .data = {}};
  const bool writes = access.verb == Verb::write || access.verb == Verb::write_config;
  if (writes) access.data = input.take(access.size);
  return access;
}

/// Longer sequences find nothing that shorter ones don't, and take their time.
inline constexpr int kMaxAccesses = 64;

/// What has to hold at all times; the fuzzer keeps an input for which it does not.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace mockdev::fuzz
