// SPDX-License-Identifier: Apache-2.0
// Single values of a topology file: how they are read, and how an error message speaks of them.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "topology/document.h"

namespace mockdev::topology {

/// The names of the rows of a table.
template <typename Row, std::size_t kCount>
std::vector<std::string_view> names_of(const std::array<Row, kCount>& rows) {
  std::vector<std::string_view> names(kCount);
  std::ranges::transform(rows, names.begin(), &Row::name);
  return names;
}

/// "; did you mean vfs?" where one of `names` is close to `word`, else "; known are a, b".
[[nodiscard]] std::string suggestion(std::string_view word,
                                     const std::vector<std::string_view>& names);

/// "65", or "a list" for what is no text.
[[nodiscard]] std::string described(const Value& value);

/// A whole number, decimal or with 0x. Negative numbers are read so that they can be named.
[[nodiscard]] std::optional<std::int64_t> number_of(const Value& value);

/// A number, with or without fractions.
[[nodiscard]] std::optional<double> real_number_of(const Value& value);

/// Whether a machine may have the name; its length is not looked at.
[[nodiscard]] bool is_dns_name(std::string_view name);

/// The longest time that a file can name.
inline constexpr std::chrono::hours kLongestTime{8760};

/// A time such as "250ms", "30s", "5m" or "2h": a whole number and a unit, up to kLongestTime.
[[nodiscard]] Result<std::chrono::milliseconds> parse_time(std::string_view text);

}  // namespace mockdev::topology
