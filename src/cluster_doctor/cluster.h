// SPDX-License-Identifier: Apache-2.0
// Whether a cluster can have, or has, mock accelerators: asked of its API server.
#pragma once

#include <string>
#include <vector>

#include "doctor/report.h"
#include "kube/api.h"

namespace mockdev::cluster_doctor {

struct ClusterSettings {
  std::string driver = "mock-accel.example.com";
  /// Label selector of the pods and DaemonSets of mock-device, in all namespaces.
  std::string selector = "app.kubernetes.io/name=mock-device";
};

/// Asks and changes nothing. What the user may not ask is a note that names the right.
void check_cluster(kube::Api& api, const ClusterSettings& settings, doctor::Report& report);

/// What check_cluster looks at.
[[nodiscard]] std::vector<doctor::CheckText> cluster_checks();

/// The findings of a node's own agent, got from its pod through the API server.
void check_node_of_cluster(kube::Api& api, const ClusterSettings& settings, const std::string& node,
                           doctor::Report& report);

}  // namespace mockdev::cluster_doctor
