// SPDX-License-Identifier: Apache-2.0
#include "accel/faults.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/ranges.h>

namespace mockdev::accel {
namespace {

constexpr double kMaxErrors = std::numeric_limits<std::uint32_t>::max();
constexpr double kThousandths = 1000;

std::uint32_t add_saturating(std::uint32_t count, double more) {
  return static_cast<std::uint32_t>(std::min(count + more, kMaxErrors));
}

/// Passes at once, and leaves nothing to heal.
constexpr FaultKind error_message(std::string_view name, std::string_view meaning,
                                  SlotEffect effect) {
  return {.name = name,
          .meaning = meaning,
          .value = std::nullopt,
          .inject = [](Condition& /*condition*/, double /*value*/) {},
          .heal = [](Condition& /*condition*/) {},
          .is_active = [](const Condition& /*condition*/) { return false; },
          .slot = effect,
          .lasts = false};
}

constexpr std::array<FaultKind, 12> kFaultKinds = {{
    {.name = "degraded",
     .meaning = "works, but not as it should: HEALTH is degraded",
     .value = std::nullopt,
     .inject = [](Condition& condition, double /*value*/) { condition.degraded = true; },
     .heal = [](Condition& condition) { condition.degraded = false; },
     .is_active = [](const Condition& condition) { return condition.degraded; }},
    {.name = "failed",
     .meaning = "of no use any more: HEALTH is failed; registers still answer",
     .value = std::nullopt,
     .inject = [](Condition& condition, double /*value*/) { condition.failed = true; },
     .heal = [](Condition& condition) { condition.failed = false; },
     .is_active = [](const Condition& condition) { return condition.failed; }},
    {.name = "thermal",
     .meaning = "too hot: TEMPERATURE is the value, HEALTH is degraded",
     .value =
         FaultValue{
             .unit = "degrees Celsius", .least = 46, .most = 150, .if_omitted = 95, .whole = false},
     .inject =
         [](Condition& condition, double value) {
           condition.overheated = static_cast<std::int32_t>(std::lround(value * kThousandths));
         },
     .heal = [](Condition& condition) { condition.overheated.reset(); },
     .is_active = [](const Condition& condition) { return condition.overheated.has_value(); }},
    {.name = "errors",
     .meaning = "errors happened: ERROR_COUNT grows by the value; healing sets it to 0",
     .value =
         FaultValue{
             .unit = "errors", .least = 1, .most = kMaxErrors, .if_omitted = 1, .whole = true},
     .inject = [](Condition& condition,
                  double value) { condition.errors = add_saturating(condition.errors, value); },
     .heal = [](Condition& condition) { condition.errors = 0; },
     .is_active = [](const Condition& condition) { return condition.errors != 0; },
     .lasts = false},
    {.name = "hung",
     .meaning = "the engine takes descriptors and finishes none until this is healed",
     .value = std::nullopt,
     .inject = [](Condition& condition, double /*value*/) { condition.hung = true; },
     .heal = [](Condition& condition) { condition.hung = false; },
     .is_active = [](const Condition& condition) { return condition.hung; }},
    {.name = "slow",
     .meaning = "the engine takes the value longer for each descriptor",
     .value =
         FaultValue{
             .unit = "milliseconds", .least = 1, .most = 60'000, .if_omitted = 100, .whole = true},
     .inject = [](Condition& condition,
                  double value) { condition.slow = std::chrono::milliseconds(std::lround(value)); },
     .heal = [](Condition& condition) { condition.slow.reset(); },
     .is_active = [](const Condition& condition) { return condition.slow.has_value(); }},
    {.name = "bitflip",
     .meaning = "the engine copies wrongly: the lowest bit of each COPY's first byte is flipped",
     .value = std::nullopt,
     .inject = [](Condition& condition, double /*value*/) { condition.bitflip = true; },
     .heal = [](Condition& condition) { condition.bitflip = false; },
     .is_active = [](const Condition& condition) { return condition.bitflip; }},
    {.name = "lost-interrupt",
     .meaning = "the engine's interrupts are lost: its vector is not raised",
     .value = std::nullopt,
     .inject = [](Condition& condition, double /*value*/) { condition.lost_interrupt = true; },
     .heal = [](Condition& condition) { condition.lost_interrupt = false; },
     .is_active = [](const Condition& condition) { return condition.lost_interrupt; }},
    {.name = "link-down",
     .meaning = "the link to the card is down until this is healed; the card is reset",
     .value = std::nullopt,
     .inject = [](Condition& condition, double /*value*/) { condition.link_down = true; },
     .heal = [](Condition& condition) { condition.link_down = false; },
     .is_active = [](const Condition& condition) { return condition.link_down; },
     .slot = SlotEffect::link},
    error_message("correctable-error", "reports a correctable error of its link, once (AER)",
                  SlotEffect::correctable),
    error_message("nonfatal-error", "reports an uncorrectable error that is not fatal, once (AER)",
                  SlotEffect::nonfatal),
    error_message("fatal-error", "reports a fatal error of its link, once (AER)",
                  SlotEffect::fatal),
}};

}  // namespace

std::string_view to_string(Health health) {
  switch (health) {
    case Health::healthy:
      return "healthy";
    case Health::degraded:
      return "degraded";
    case Health::failed:
      return "failed";
  }
  return "unknown";
}

Health Condition::health() const {
  if (failed) return Health::failed;
  return degraded || overheated ? Health::degraded : Health::healthy;
}

Condition combined(const Condition& one, const Condition& other) {
  // An optional that is empty is less than any that is not.
  return {.degraded = one.degraded || other.degraded,
          .failed = one.failed || other.failed,
          .overheated = std::max(one.overheated, other.overheated),
          .errors = add_saturating(one.errors, other.errors),
          .hung = one.hung || other.hung,
          .slow = std::max(one.slow, other.slow),
          .bitflip = one.bitflip || other.bitflip,
          .lost_interrupt = one.lost_interrupt || other.lost_interrupt,
          .link_down = one.link_down || other.link_down};
}

std::span<const FaultKind> fault_kinds() {
  return kFaultKinds;
}

Result<const FaultKind*> find_fault(std::string_view name) {
  const auto* found = std::ranges::find(kFaultKinds, name, &FaultKind::name);
  if (found != kFaultKinds.end()) return found;
  std::vector<std::string_view> known;
  std::ranges::transform(kFaultKinds, std::back_inserter(known), &FaultKind::name);
  return fail("fault {}: not a fault; there are {}", name, fmt::join(known, ", "));
}

Result<double> fault_value(const FaultKind& kind, std::optional<double> given) {
  if (!kind.value) {
    if (given) return fail("fault {}: takes no value, {} was given", kind.name, *given);
    return 0.0;
  }
  const FaultValue& rule = *kind.value;
  const double value = given.value_or(rule.if_omitted);
  const bool in_range = value >= rule.least && value <= rule.most;  // false for not-a-number
  if (!in_range || (rule.whole && value != std::floor(value))) {
    return fail("fault {}: {} is not a {}number from {:.0f} to {:.0f} {}", kind.name, value,
                rule.whole ? "whole " : "", rule.least, rule.most, rule.unit);
  }
  return value;
}

Result<void> inject_fault(Condition& condition, std::string_view name,
                          std::optional<double> value) {
  const auto kind = find_fault(name);
  if (!kind) return std::unexpected(kind.error());
  const auto number = fault_value(**kind, value);
  if (!number) return std::unexpected(number.error());
  (*kind)->inject(condition, *number);
  return {};
}

Result<void> heal_fault(Condition& condition, std::optional<std::string_view> name) {
  if (!name) {
    condition = Condition{};
    return {};
  }
  const auto kind = find_fault(*name);
  if (!kind) return std::unexpected(kind.error());
  (*kind)->heal(condition);
  return {};
}

std::vector<std::string_view> active_faults(const Condition& condition) {
  std::vector<std::string_view> names;
  for (const FaultKind& kind : kFaultKinds) {
    if (kind.is_active(condition)) names.push_back(kind.name);
  }
  return names;
}

}  // namespace mockdev::accel
