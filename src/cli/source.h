// SPDX-License-Identifier: Apache-2.0
// Where devices come from, and where faults go: the kernel of this machine, or the server of a lab.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/accelerator.h"
#include "discovery/discovery.h"

namespace mockdev::cli {

/// What the command line says about it; at most one is set.
struct Source {
  std::optional<std::string> lab;                ///< a lab by name
  std::optional<std::filesystem::path> control;  ///< a server by its control socket
  std::optional<std::filesystem::path> sysfs;    ///< a folder that looks like /sys
};

/// The devices of one source.
struct Listing {
  /// The machine that the devices without a node of their own are in.
  std::string machine;
  bool from_server = false;
  std::vector<Accelerator> devices;          ///< by machine, then by number, PFs before VFs
  std::vector<discovery::Problem> problems;  ///< devices that could not be understood
};

/// The devices of the named source; without one, those of this machine's kernel if the module is
/// loaded, else those of the only lab that runs. With neither, the error says how to name one.
[[nodiscard]] Result<Listing> list_devices(const Source& source);

/// The control socket that faults go to: the named one, or that of the only lab that runs. In a
/// guest, where there is no server, the error says that faults come from the host.
[[nodiscard]] Result<std::filesystem::path> find_server(const Source& source);

/// The lab that is meant by `name`: itself, or without it the only lab that there is, in whatever
/// state.
[[nodiscard]] Result<std::string> find_lab(const std::optional<std::string>& name);

}  // namespace mockdev::cli
