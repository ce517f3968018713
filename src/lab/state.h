// SPDX-License-Identifier: Apache-2.0
// What is known of a lab that runs, kept in its run folder. It is written before each process of
// the lab begins, so that whoever reads it can stop all that there is.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "lab/lab.h"
#include "lab/run_folder.h"

namespace mockdev::lab {

struct NodeState {
  std::string name;
  unsigned devices = 0;
  ProcessId qemu = {};
  ProcessId ssh = {};                     ///< keeps the connection that commands share
  std::vector<std::string> command = {};  ///< QEMU's, which starts it again

  bool operator==(const NodeState&) const = default;
};

struct ComponentState {
  std::string name;
  ProcessId process = {};

  bool operator==(const ComponentState&) const = default;
};

struct KubernetesState {
  std::string version;                     ///< "1.36.3"
  std::filesystem::path programs;          ///< the folder that has kubectl
  std::string server;                      ///< URL of the API server
  bool kmm = false;                        ///< with Kernel Module Management
  std::vector<ComponentState> components;  ///< in the order of their start

  bool operator==(const KubernetesState&) const = default;
};

struct LabState {
  std::string topology;  ///< the file it was made from
  Accelerator accelerator = Accelerator::automatic;
  std::chrono::sys_seconds started;
  bool ready = false;     ///< `up` has finished
  ProcessId server = {};  ///< of the devices; a lab without machines has none
  std::vector<NodeState> nodes;
  std::optional<KubernetesState> kubernetes;

  bool operator==(const LabState&) const = default;
};

/// How many devices a machine shows as soon as it has come up: all, or none where the cluster's
/// operator loads the modules later.
[[nodiscard]] unsigned devices_at_boot(const LabState& state, const NodeState& node);

/// The state as JSON. `boot` names the run of the kernel that the processes belong to.
[[nodiscard]] std::string to_json(const LabState& state, std::string_view boot);

/// Reads it back. Processes of another boot are gone: they come out empty.
[[nodiscard]] Result<LabState> from_json(std::string_view text, std::string_view boot);

[[nodiscard]] Result<void> write_state(const RunFolder& folder, const LabState& state);

/// Empty: there is no such lab. A folder without a state is a lab that has not started anything.
[[nodiscard]] Result<std::optional<LabState>> read_state(const RunFolder& folder);

}  // namespace mockdev::lab
