// SPDX-License-Identifier: Apache-2.0
// Whether a machine can be, or is, a node with mock accelerators.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "discovery/discovery.h"
#include "doctor/report.h"

namespace mockdev::doctor {

struct NodeSettings {
  std::string name;                  ///< of the node, for findings
  std::filesystem::path root = "/";  ///< has etc, lib, proc and sys
  std::filesystem::path sysfs = "/sys";
  std::filesystem::path dev = "/dev";
  std::filesystem::path cdi_root = "/var/run/cdi";
  std::filesystem::path registry_folder = "/var/lib/kubelet/plugins_registry";
  std::filesystem::path plugins_folder = "/var/lib/kubelet/plugins";
  unsigned oldest_abi = 1;  ///< of the kernel module, that the driver speaks
  unsigned newest_abi = 1;
  /// In a container: what is not to be seen need not be missing on the node.
  bool confined = false;
  /// The output of a program of the node's; fails if there is no such program. Empty: none is run.
  std::function<Result<std::string>(const std::vector<std::string>& argv)> run = {};
};

/// The settings, and what was found by them once for all checks.
struct NodeView {
  const NodeSettings& settings;
  std::string kernel;  ///< "6.12.117+deb13-amd64"; empty: not to be read
  discovery::Inventory inventory;
};

/// Looks and changes nothing. Each check makes at least one finding.
void check_node(const NodeSettings& settings, Report& report);

/// What check_node looks at.
[[nodiscard]] std::vector<CheckText> node_checks();

// ---- For the parts of this component ----

[[nodiscard]] bool is_there(const std::filesystem::path& path);

/// A folder of sysfs. A pod that has parts of the host's sysfs elsewhere sees the others in its
/// own.
[[nodiscard]] std::filesystem::path sysfs_folder(const NodeView& view, std::string_view name);

/// A small text file of the node's, without blanks at its end. Fails as read_file does.
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path);

/// Adds a note that something can't be looked at, and how it can.
void report_unseen(const NodeView& view, Report& report, const std::string& what);

// Of node_devices.cpp.
void check_pci(const NodeView& view, Report& report);
void check_sysfs(const NodeView& view, Report& report);
void check_nodes_of_devices(const NodeView& view, Report& report);

// Of node_security.cpp.
void check_secure_boot(const NodeView& view, Report& report);
void check_selinux(const NodeView& view, Report& report);
void check_apparmor(const NodeView& view, Report& report);

}  // namespace mockdev::doctor
