// SPDX-License-Identifier: Apache-2.0
// A control plane: etcd and Kubernetes' three servers as processes of this computer, on its
// loopback address and in the lab's run folder. It holds no data beyond the lab.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "lab/cluster_network.h"
#include "lab/kubernetes_version.h"
#include "lab/preparation.h"
#include "lab/run_folder.h"
#include "lab/simulation.h"

namespace mockdev::lab {

/// TCP ports of the loopback address.
struct ControlPlanePorts {
  std::uint16_t apiserver;
  std::uint16_t controller_manager;
  std::uint16_t scheduler;
};

struct ControlPlane {
  KubernetesVersion version;
  std::filesystem::path programs;  ///< kube-apiserver and the others
  std::vector<std::string> etcd;   ///< how etcd is called
  RunFolder folder;
  ControlPlanePorts ports;
  std::filesystem::path program;   ///< mock-device, for the machines' network
  std::vector<NodeAddress> nodes;  ///< machines that are its nodes
  std::optional<Simulation> simulation = {};
};

/// A process of the control plane.
struct Component {
  std::string name;  ///< as people call it: "apiserver"
  Command command;
  Command probe;  ///< succeeds once the component does what it is there for
};

/// Where clients of this computer find the API server.
[[nodiscard]] std::string api_server_url(const ControlPlane& plane);

/// What the components need in the run folder: keys, certificates and configuration.
[[nodiscard]] std::vector<Preparation> control_plane_preparations(
    const std::filesystem::path& make_certificates, const ControlPlane& plane);

/// Creates or changes the objects of a file.
[[nodiscard]] Command apply(const ControlPlane& plane, const std::filesystem::path& file);

/// Succeeds once all of the nodes are ready.
[[nodiscard]] Command ask_nodes_ready(const ControlPlane& plane);

/// Makes the simulated Node objects, of which there are none yet.
[[nodiscard]] Command make_simulated_nodes(const ControlPlane& plane);

/// Prints a line for each simulated node that is ready.
[[nodiscard]] Command list_ready_simulated_nodes(const ControlPlane& plane);

/// Prints a line for each slice of a simulated node.
[[nodiscard]] Command list_simulated_slices(const ControlPlane& plane);

/// The components in the order in which they start. They end in the reverse one: an API server
/// whose etcd is gone does not end when it is told to.
[[nodiscard]] std::vector<Component> components(const ControlPlane& plane);

/// Waits until a started component's probe succeeds. Fails with the component's last words if it
/// ends, and if it takes too long.
[[nodiscard]] Result<void> wait_until_ready(const Component& component, const ProcessId& process,
                                            const KubernetesFolder& folder,
                                            const Interrupt& interrupt);

}  // namespace mockdev::lab
