// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace mockdev {
namespace {

struct Unit {
  char letter;
  unsigned shift;
};

// Largest first, so that printing takes the first that divides the count.
constexpr std::array<Unit, 4> kUnits = {{{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}}};

std::string to_upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

/// The power of two that a unit's text stands for: "", "B", "K", "KI", "KIB", "KB" and so on.
Result<unsigned> unit_shift(std::string_view upper) {
  if (upper.empty() || upper == "B") return 0U;
  const std::string_view rest = upper.substr(1);
  if (rest.empty() || rest == "I" || rest == "IB" || rest == "B") {
    for (const Unit& unit : kUnits) {
      if (unit.letter == upper.front()) return unit.shift;
    }
  }
  return fail("{} is not a unit of size (K, M, G, T, with or without iB)", upper);
}

}  // namespace

Result<ByteCount> parse_byte_count(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return fail("{} is too large a size", text);
  if (error != std::errc{}) return fail("{} is not a size, such as 512MiB or 16GiB", text);

  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const Result<unsigned> shift = unit_shift(to_upper(unit));
  if (!shift) return fail("{} is not a size: {}", text, shift.error().message);
  if (number > (std::numeric_limits<std::uint64_t>::max() >> *shift)) {
    return fail("{} is too large a size", text);
  }
  return ByteCount{number << *shift};
}

std::string to_string(ByteCount count) {
  const std::uint64_t bytes = count.value();
  for (const Unit& unit : kUnits) {
    const std::uint64_t in_units = bytes >> unit.shift;
    if (in_units != 0 && (in_units << unit.shift) == bytes) {
      return fmt::format("{} {}iB", in_units, unit.letter);
    }
  }
  return fmt::format("{} B", bytes);
}

}  // namespace mockdev
