// SPDX-License-Identifier: Apache-2.0
#include "topology/values.h"

#include <charconv>
#include <memory>
#include <utility>

#include "accel/capabilities.h"
#include "topology/topology.h"

namespace mockdev::topology {
namespace {

/// Insertions, deletions and replacements that make `a` of `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::string_view kind_name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::nothing:
      return "nothing";
    case Value::Kind::text:
      return "a word";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::map:
      return "a map";
  }
  return "something else";
}

struct TimeUnit {
  std::string_view name;
  std::chrono::milliseconds length;
};

constexpr std::array<TimeUnit, 4> kTimeUnits = {
    {{.name = "ms", .length = std::chrono::milliseconds(1)},
     {.name = "s", .length = std::chrono::seconds(1)},
     {.name = "m", .length = std::chrono::minutes(1)},
     {.name = "h", .length = std::chrono::hours(1)}}};

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
  constexpr std::size_t kFar = 3;
  const auto distance = [&](std::string_view name) {
    return word.size() > 2 * name.size() ? kFar : edit_distance(word, name);
  };
  const auto closest = std::ranges::min_element(names, {}, distance);
  if (closest != names.end() && distance(*closest) < kFar) {
    return fmt::format("; did you mean {}?", *closest);
  }
  return fmt::format("; known are {}", fmt::join(names, ", "));
}

std::string described(const Value& value) {
  if (value.kind != Value::Kind::text) return std::string(kind_name(value.kind));
  return value.text.empty() ? "an empty text" : shown(value.text);
}

std::optional<std::int64_t> number_of(const Value& value) {
  if (value.kind != Value::Kind::text) return std::nullopt;
  std::string_view text = value.text;
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::int64_t number = 0;
  const char* const begin = std::to_address(text.begin());
  const char* const end = std::to_address(text.end());
  const auto [rest, error] = std::from_chars(begin, end, number, hexadecimal ? 16 : 10);
  if (error != std::errc{} || rest != end || (hexadecimal && number < 0)) return std::nullopt;
  return number;
}

bool is_dns_name(std::string_view name) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  char previous = '.';
  for (const char c : name) {
    // Each label begins and ends with a letter or digit.
    const bool fits = alphanumeric(c) || ((c == '-' || c == '.') && previous != '.');
    if (!fits || (c == '.' && previous == '-')) return false;
    previous = c;
  }
  return !name.empty() && alphanumeric(previous);
}

std::optional<double> real_number_of(const Value& value) {
  if (value.kind != Value::Kind::text) return std::nullopt;
  double number = 0;
  const char* const end = std::to_address(value.text.end());
  const auto [rest, error] = std::from_chars(std::to_address(value.text.begin()), end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

Result<std::chrono::milliseconds> parse_time(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = std::to_address(text.end());
  const auto [rest, error] = std::from_chars(std::to_address(text.begin()), end, number);
  const auto* const unit =
      std::ranges::find(kTimeUnits, std::string_view(rest, end), &TimeUnit::name);
  if (error == std::errc::invalid_argument || unit == kTimeUnits.end()) {
    return fail("{} is not a time, such as 250ms, 30s, 5m or 2h", shown(text));
  }
  if (error != std::errc{} || number > static_cast<std::uint64_t>(kLongestTime / unit->length)) {
    return fail("{} is longer than the {}h that a time can be", shown(text), kLongestTime.count());
  }
  return static_cast<std::chrono::milliseconds::rep>(number) * unit->length;
}

Result<ByteCount> parse_memory(std::string_view text) {
  const Result<ByteCount> size = parse_byte_count(text);
  if (!size) {
    // Not the parser's own words: they repeat the text as it is, which a terminal may obey.
    return fail("{} is not a size, such as 512MiB or 16GiB, of less than 2^64 bytes", shown(text));
  }
  if (*size < kMemoryGranule) return fail("{} is less than {}", *size, kMemoryGranule);
  if (size->value() % kMemoryGranule.value() != 0) {
    return fail("{} is not a multiple of {}", *size, kMemoryGranule);
  }
  if (*size > kMaxMemory) {
    return fail("{} is more than the {} that a device can have", *size, kMaxMemory);
  }
  return size;
}

Result<std::uint32_t> parse_capability(std::string_view name) {
  const auto* const known = std::ranges::find(accel::kCapabilities, name, &accel::Capability::name);
  if (known != accel::kCapabilities.end()) return known->bit;
  return fail("{} is not a capability{}", shown(name),
              suggestion(name, names_of(accel::kCapabilities)));
}

}  // namespace mockdev::topology
