// SPDX-License-Identifier: Apache-2.0
// What the doctor has found: findings, and their form for programs.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace mockdev::doctor {

enum class Severity : std::uint8_t {
  ok,
  note,     ///< worth knowing, or something that could not be looked at
  warning,  ///< works, but not as it should, or not for long
  error,    ///< does not work
};

/// "ok", "note", "warning", "error".
[[nodiscard]] std::string_view to_string(Severity severity);

/// What would be right, and how to get there. Both may be empty.
struct Advice {
  std::string needed = {};
  std::string remedy = {};

  bool operator==(const Advice&) const = default;
};

struct Finding {
  std::string id;       ///< of the check: "node.kernel"
  std::string subject;  ///< what was looked at: "node0", "DeviceClass mock-accel-pf"
  Severity severity = Severity::ok;
  std::string found;  ///< one line, no full stop
  Advice advice = {};

  bool operator==(const Finding&) const = default;
};

/// Findings in the order in which they were made.
class Report {
 public:
  /// What follows comes from the check of this id.
  void begin(std::string_view check) { check_ = check; }

  void ok(std::string subject, std::string found) {
    add(Severity::ok, std::move(subject), std::move(found));
  }
  void add(Severity severity, std::string subject, std::string found, Advice advice = {});
  void add(Finding finding) { findings_.push_back(std::move(finding)); }

  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] unsigned count(Severity severity) const;

 private:
  std::string check_;
  std::vector<Finding> findings_;
};

/// A row of a table of checks.
template <typename View>
struct Check {
  std::string_view id;
  std::string_view meaning;  ///< what is looked at, one line
  void (*run)(const View& view, Report& report);
};

/// Runs all checks of a table.
template <typename View, std::size_t count>
void run_checks(const std::array<Check<View>, count>& checks, const View& view, Report& report) {
  for (const Check<View>& check : checks) {
    report.begin(check.id);
    check.run(view, report);
  }
}

/// A check without what it does, for lists of them.
struct CheckText {
  std::string_view id;
  std::string_view meaning;
};

template <typename View, std::size_t count>
[[nodiscard]] std::vector<CheckText> texts_of(const std::array<Check<View>, count>& checks) {
  std::vector<CheckText> texts;
  for (const Check<View>& check : checks) {
    texts.push_back({.id = check.id, .meaning = check.meaning});
  }
  return texts;
}

/// {"version", "summary", "findings"}: docs/doctor.md has the members. `version` is that of the
/// program that looked.
[[nodiscard]] nlohmann::ordered_json to_json(const Report& report, std::string_view version);

/// Adds the findings of such a document to a report.
[[nodiscard]] Result<void> add_from_json(const nlohmann::json& document, Report& report);

}  // namespace mockdev::doctor
