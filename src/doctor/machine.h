// SPDX-License-Identifier: Apache-2.0
// Whether labs can run on a machine, and what is wrong with those that do.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "doctor/report.h"

namespace mockdev::doctor {

/// A lab, as far as it matters here.
struct LabFacts {
  std::string name;
  bool broken = false;       ///< something of it has died
  Result<void> server = {};  ///< whether its device server answers, or why not
  bool starting = false;     ///< its `up` is at work
};

/// What is known of the machine by others.
struct MachineSettings {
  std::filesystem::path root = "/";  ///< has etc and proc
  std::filesystem::path cache;       ///< folder of the caches, which need not be there yet
  bool is_root = true;               ///< the user that labs run as
  Result<void> kvm = {};             ///< whether KVM works, or why not
  std::string qemu = {};             ///< which one is there; empty: none yet
  std::vector<LabFacts> labs = {};
  /// Whether a program of this name can be run.
  std::function<bool(std::string_view name)> has_program;
  /// The output of a program; fails if there is none.
  std::function<Result<std::string>(const std::vector<std::string>& argv)> run;
};

/// Looks and changes nothing.
void check_machine(const MachineSettings& settings, Report& report);

/// What check_machine looks at.
[[nodiscard]] std::vector<CheckText> machine_checks();

}  // namespace mockdev::doctor
