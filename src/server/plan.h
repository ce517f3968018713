// SPDX-License-Identifier: Apache-2.0
// What the command line asks for: which devices, behind which sockets.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "topology/topology.h"

namespace mockdev::server {

/// One device, where it stands and where it is reached.
struct Placement {
  std::string node;
  unsigned numa = 0;
  topology::Device device;
  topology::Attach attach = topology::Attach::direct;
  std::uint16_t segment = 0;  ///< PCI segment that its fabric asks for; unused where it is direct
  /// Of the device, or of the bridge of its NUMA node. Empty in a dry run without a socket folder.
  std::filesystem::path socket;
};

/// "node0/mock1": how a person names it.
[[nodiscard]] std::string full_name(const Placement& place);

struct Plan {
  topology::PciIds ids = topology::kDefaultIds;
  std::vector<Placement> devices;  ///< at least one
  std::optional<std::filesystem::path> control;
  std::string log_level;
  bool sandbox = true;
  bool dry_run = false;
};

/// A command line that leads to no server: the text that it gets and the exit code, 0 for help and
/// version, 2 for what is wrong.
struct Refusal {
  int exit_code = 0;
  std::string text;
};

/// Reads the command line and the environment variables that stand in for it, and the topology file
/// that they name. docs/server.md has the reference.
[[nodiscard]] std::expected<Plan, Refusal> make_plan(int argc, const char* const* argv);

/// What would be served, one line a device, for people.
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace mockdev::server
