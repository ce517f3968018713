// SPDX-License-Identifier: Apache-2.0
// Removes the slices that nobody on their node will ever remove.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "dra/names.h"
#include "kube/api.h"

namespace mockdev::dra {

struct SweeperSettings {
  DriverName driver;
  std::string api_version;  ///< of resource.k8s.io: "v1"
  /// How long a node has to be without its Node object or its agent before its slices go: less than
  /// an agent takes for a restart would make it publish all of them again.
  std::chrono::milliseconds grace{120000};
  /// The pods of the node agents, by namespace and label. A node without one is not served any
  /// more. Without a selector that is not asked, and only nodes that are gone count.
  std::string agent_namespace = {};
  std::string agent_selector = {};
  std::chrono::milliseconds retry{5000};  ///< after a removal that failed
  /// Hears of each slice that was removed or could not be, on the sweeper's thread. May be empty.
  std::function<void(const Result<void>&)> on_removal = {};
};

/// Watches nodes, slices of the driver and, with a selector, agents' pods, on threads of its own.
/// A node needs no agent for simulated slices (publisher.h). Judges nothing before all of these are
/// listed. Slices without a node name are not touched. Two at a time do no harm: a removal holds
/// only for the slice as it was seen.
class Sweeper {
 public:
  /// `api` outlives this object. Begins at once.
  Sweeper(kube::Api& api, SweeperSettings settings);
  /// Ends at once.
  ~Sweeper();
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;
  Sweeper(Sweeper&&) = delete;
  Sweeper& operator=(Sweeper&&) = delete;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::dra
