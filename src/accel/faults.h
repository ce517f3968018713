// SPDX-License-Identifier: Apache-2.0
// What can be wrong with an accelerator, and how it is made so.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "mock_accel.h"

namespace mockdev::accel {

/// MOCK_ACCEL_REG_HEALTH.
enum class Health : std::uint8_t {
  healthy = MOCK_ACCEL_HEALTH_HEALTHY,
  degraded = MOCK_ACCEL_HEALTH_DEGRADED,
  failed = MOCK_ACCEL_HEALTH_FAILED,
};

/// "healthy", "degraded", "failed".
[[nodiscard]] std::string_view to_string(Health health);

/// The hardware's condition: every fault that is on. No reset changes it, only healing does.
struct Condition {
  /// Of a device that nothing ails, in thousandths of a degree Celsius.
  static constexpr std::int32_t kNormalTemperature = 45'000;

  bool degraded = false;
  bool failed = false;
  std::optional<std::int32_t> overheated;  ///< thousandths of a degree Celsius
  std::uint32_t errors = 0;                ///< stays at its largest value once there

  // Of the engine.
  bool hung = false;                              ///< no descriptor comes to its end
  std::optional<std::chrono::milliseconds> slow;  ///< that each descriptor takes longer
  bool bitflip = false;                           ///< a bit of what COPY writes is wrong
  bool lost_interrupt = false;                    ///< its vector is not raised
  bool link_down = false;

  [[nodiscard]] Health health() const;
  [[nodiscard]] std::int32_t temperature() const { return overheated.value_or(kNormalTemperature); }

  bool operator==(const Condition&) const = default;
};

/// The condition of hardware that has the faults of both: of two measures the worse, of two counts
/// the sum.
[[nodiscard]] Condition combined(const Condition& one, const Condition& other);

/// The number that a fault takes.
struct FaultValue {
  std::string_view unit;
  double least;
  double most;
  double if_omitted;
  bool whole;  ///< fractions make no sense
};

/// What the port that a card is plugged into sees of a fault. The port is not the accelerator's:
/// who injects and heals sees to it.
enum class SlotEffect : std::uint8_t {
  none,
  link,         ///< the link is down while the fault is on
  correctable,  ///< an error message (PCIe 6.0 §6.2.2), once
  nonfatal,
  fatal,
};

/// One row a fault: its name on the command line, the control socket and in the topology file, and
/// what it does.
struct FaultKind {
  std::string_view name;
  std::string_view meaning;
  std::optional<FaultValue> value;  ///< none: the fault takes no number
  void (*inject)(Condition& condition, double value);
  void (*heal)(Condition& condition);
  bool (*is_active)(const Condition& condition);
  SlotEffect slot = SlotEffect::none;
  bool lasts = true;  ///< false: it happens at a moment, as an error does
};

/// All faults, in the order in which help texts show them.
[[nodiscard]] std::span<const FaultKind> fault_kinds();

/// The row of a fault. The error says which there are.
[[nodiscard]] Result<const FaultKind*> find_fault(std::string_view name);

/// The number to inject a fault with, where `given` is what was asked for: the default if nothing
/// was, 0 if the fault takes none. Fails on a number that is not wanted or out of range.
[[nodiscard]] Result<double> fault_value(const FaultKind& kind, std::optional<double> given);

/// Adds the fault `name` to `condition`, with `value` where it takes one. Fails on an unknown name
/// and on a value that is not wanted or out of range; `condition` is then as before.
[[nodiscard]] Result<void> inject_fault(Condition& condition, std::string_view name,
                                        std::optional<double> value);

/// Takes the fault `name`, or all of them, away. Healing a fault that is not there is no failure.
[[nodiscard]] Result<void> heal_fault(Condition& condition, std::optional<std::string_view> name);

/// The names of the faults that are on.
[[nodiscard]] std::vector<std::string_view> active_faults(const Condition& condition);

}  // namespace mockdev::accel
