// SPDX-License-Identifier: Apache-2.0
#include "discovery/device.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/ranges.h>

namespace mockdev::discovery {
namespace {

// Index: the enumerator's value.
template <std::size_t count>
using Names = std::array<std::string_view, count>;

constexpr Names<2> kKinds = {"pf", "vf"};
constexpr Names<2> kStatuses = {"free", "allocated"};
constexpr Names<4> kHealths = {"healthy", "degraded", "failed", "gone"};
constexpr auto kHealthsOfTheKernel = std::span(kHealths).first<3>();

template <typename Enum>
Result<Enum> parse(std::span<const std::string_view> names, std::string_view text) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return fail("\"{}\" is none of {}", text, fmt::join(names, ", "));
  return static_cast<Enum>(std::distance(names.begin(), found));
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}
std::string_view to_string(Status status) {
  return kStatuses.at(static_cast<std::size_t>(status));
}
std::string_view to_string(Health health) {
  return kHealths.at(static_cast<std::size_t>(health));
}

Result<Kind> parse_kind(std::string_view text) {
  return parse<Kind>(kKinds, text);
}
Result<Status> parse_status(std::string_view text) {
  return parse<Status>(kStatuses, text);
}
Result<Health> parse_health(std::string_view text) {
  return parse<Health>(kHealthsOfTheKernel, text);
}

}  // namespace mockdev::discovery
