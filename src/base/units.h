// SPDX-License-Identifier: Apache-2.0
// Sizes in bytes that can't be mixed up with other numbers and print as people write them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mockdev {

/// A number of bytes.
class ByteCount {
 public:
  constexpr ByteCount() = default;
  constexpr explicit ByteCount(std::uint64_t bytes) : bytes_(bytes) {}

  [[nodiscard]] constexpr std::uint64_t value() const { return bytes_; }
  constexpr auto operator<=>(const ByteCount&) const = default;

 private:
  std::uint64_t bytes_ = 0;
};

constexpr ByteCount operator""_B(unsigned long long n) {
  return ByteCount{n};
}
constexpr ByteCount operator""_KiB(unsigned long long n) {
  return ByteCount{n << 10U};
}
constexpr ByteCount operator""_MiB(unsigned long long n) {
  return ByteCount{n << 20U};
}
constexpr ByteCount operator""_GiB(unsigned long long n) {
  return ByteCount{n << 30U};
}

/// Reads a whole number with an optional binary unit, as Kubernetes and QEMU users write it:
/// "4096", "512Mi", "16GiB", "16G", "1T" (K, M, G, T are powers of 1024 here, with or without "i"
/// and "B", in any case). Fails on signs, fractions, other words and values of 2^64 and more.
[[nodiscard]] Result<ByteCount> parse_byte_count(std::string_view text);

/// The largest binary unit that divides the count: "16 GiB", "1536 MiB", "5 B".
[[nodiscard]] std::string to_string(ByteCount count);

}  // namespace mockdev

template <>
struct fmt::formatter<mockdev::ByteCount> : fmt::formatter<std::string> {
  auto format(mockdev::ByteCount count, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(mockdev::to_string(count), context);
  }
};
