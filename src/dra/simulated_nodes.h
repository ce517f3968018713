// SPDX-License-Identifier: Apache-2.0
// Publishes slices for nodes that no agent serves, so that a scheduler sees thousands of machines
// with accelerators where there is none.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "discovery/device.h"
#include "dra/names.h"
#include "dra/publisher.h"
#include "dra/slices.h"
#include "kube/api.h"

namespace mockdev::dra {

struct SimulatedNodesSettings {
  PublisherSettings publisher;  ///< node and simulated are this room's to set
  SliceSettings slices;         ///< likewise its node
  SliceFeatures features;
  /// What stands in a node. None: that node is not simulated. Called on any thread, several at a
  /// time; equal answers each time.
  std::function<std::optional<std::vector<discovery::Device>>(const NodeName&)> devices_of;
  /// The pods of the node agents: a node with one is left to it. Without a selector none is looked
  /// for.
  std::string agent_namespace = {};
  std::string agent_selector = {};
  /// How long after its agent a node is simulated: that may come back.
  std::chrono::milliseconds grace{120000};
  /// Between news of a slice that somebody else has written or removed and the repair.
  std::chrono::milliseconds repair_delay{5000};
  std::chrono::milliseconds first_backoff{1000};  ///< of a node, after a failure; doubles
  std::chrono::milliseconds max_backoff{60000};
  unsigned workers = 8;  ///< requests at a time
  /// Hears of each pass that wrote or failed, on one of the workers' threads. May be empty.
  std::function<void(const Result<Published>&)> on_pass = {};
};

/// Watches nodes, the driver's slices and, with a selector, agents' pods, and publishes for each
/// Node object that is there and simulated, on threads of its own. Begins when all of these are
/// listed. A node whose slices are right costs no request, and one without slices one request a
/// slice. Simulated slices of nodes that are not simulated any more are removed. Keeps of a slice
/// only what tells whether it is right: ten thousand of them take some tens of megabytes.
class SimulatedNodes {
 public:
  /// `api` outlives this object. Begins at once.
  SimulatedNodes(kube::Api& api, SimulatedNodesSettings settings);
  /// Ends at once. The slices stay.
  ~SimulatedNodes();
  SimulatedNodes(const SimulatedNodes&) = delete;
  SimulatedNodes& operator=(const SimulatedNodes&) = delete;
  SimulatedNodes(SimulatedNodes&&) = delete;
  SimulatedNodes& operator=(SimulatedNodes&&) = delete;

  /// Whether nothing is left to be done that is known of. Any thread.
  [[nodiscard]] bool up_to_date() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::dra
