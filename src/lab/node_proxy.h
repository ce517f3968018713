// SPDX-License-Identifier: Apache-2.0
// The way of the API server into the cluster's networks, which this computer has no route to: an
// HTTP proxy of the CONNECT method, whose connections go through the ssh servers of the nodes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "lab/cluster_network.h"
#include "lab/run_folder.h"

namespace mockdev::lab {

/// The target of "CONNECT 10.77.0.10:10250 HTTP/1.1": host and port. IPv4 addresses only.
[[nodiscard]] Result<std::string> parse_connect(std::string_view request);

/// The node through which a target is reached: itself, that of the pod, else the first. Never
/// empty.
[[nodiscard]] const NodeAddress& node_on_the_way(const std::vector<NodeAddress>& nodes,
                                                 std::string_view target);

/// Serves one client in a process of its own, which ends with this one.
void serve_in_child(UniqueFd client, const RunFolder& folder,
                    const std::vector<NodeAddress>& nodes);

}  // namespace mockdev::lab
