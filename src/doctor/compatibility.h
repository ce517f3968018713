// SPDX-License-Identifier: Apache-2.0
// What mock-device runs with: docs/compatibility.yaml, which is built into the program.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "doctor/report.h"
#include "doctor/version.h"

namespace mockdev::doctor {

/// Something that mock-device works with.
struct CompatibilityRow {
  std::string id;       ///< unique
  std::string subject;  ///< "containerd"
  std::optional<Version> oldest = {};
  std::optional<Version> newest = {};  ///< that was tried
  std::string range;                   ///< in words
  std::string tested;                  ///< in words
  Advice advice = {};
};

struct CompatibilitySection {
  std::string title;
  std::vector<CompatibilityRow> rows;
};

/// A version of resource.k8s.io.
struct ResourceApi {
  std::string version;
  unsigned since = 0;                  ///< the first minor version of Kubernetes with it
  std::optional<unsigned> until = {};  ///< the last one
  bool by_default = false;
};

struct FeatureGate {
  std::string name;
  unsigned since = 0;       ///< the first minor version of Kubernetes that has it
  unsigned open_since = 0;  ///< the first in which it is open by default
  bool required = false;
  std::string without;  ///< what happens where it is closed
};

struct Compatibility {
  std::vector<CompatibilitySection> sections;
  std::vector<ResourceApi> resource_apis;
  std::vector<FeatureGate> gates;

  /// The row of an id that the program knows to be there.
  [[nodiscard]] const CompatibilityRow& row(std::string_view id) const;
};

/// The text of docs/compatibility.yaml.
[[nodiscard]] std::string_view compatibility_yaml();

/// Reads such a text. Fails on a member that is missing, unknown or of another form.
[[nodiscard]] Result<Compatibility> parse_compatibility(std::string_view yaml);

/// What is built in. Thread-safe.
[[nodiscard]] const Compatibility& compatibility();

/// Reports a version, as it was found, against a row: too old is an error, newer than what was
/// tried a note.
void report_version(Report& report, const std::string& subject, const std::string& found,
                    const CompatibilityRow& row);

/// docs/compatibility.md.
[[nodiscard]] std::string compatibility_page(const Compatibility& compatibility);

}  // namespace mockdev::doctor
