// SPDX-License-Identifier: Apache-2.0
// What the agent has to know of its cluster before it can speak to anybody.
#pragma once

#include <string>

#include "base/error.h"
#include "dra/names.h"
#include "kube/api.h"

namespace mockdev::driver {

struct Cluster {
  std::string api_version;  ///< of resource.k8s.io: "v1"
  int server_minor = 0;     ///< 36 for 1.36
  int kubelet_minor = 0;    ///< of this node; the server's where the Node does not say
};

/// Asks the API server once. Fails if it does not answer, if it serves no version of
/// resource.k8s.io that this driver speaks, and if there is no Node of that name yet.
[[nodiscard]] Result<Cluster> look_at_cluster(kube::Api& api, const dra::NodeName& node);

}  // namespace mockdev::driver
