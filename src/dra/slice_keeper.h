// SPDX-License-Identifier: Apache-2.0
// Keeps a node's slices right for as long as it lives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "discovery/device.h"
#include "dra/publisher.h"
#include "dra/slices.h"
#include "kube/api.h"

namespace mockdev::dra {

struct SliceKeeperSettings {
  PublisherSettings publisher;
  SliceSettings slices;
  SliceFeatures features;  ///< to begin with; fewer, once the server shows that it lacks one
  /// Between news of a slice that somebody else has written or removed and the repair: a kubelet
  /// that starts removes all slices of its node, one by one.
  std::chrono::milliseconds repair_delay{5000};
  std::chrono::milliseconds first_backoff{1000};  ///< after a failure; doubles
  std::chrono::milliseconds max_backoff{60000};
  /// Hears of each pass that wrote or failed, on the keeper's thread. May be empty.
  std::function<void(const Result<Published>&)> on_pass = {};
  /// Hears of each failure of the watch, on its thread. May be empty.
  std::function<void()> on_watch_failure = {};
};

/// Watches the slices and publishes, on threads of its own. At rest it makes no request but the
/// watch.
class SliceKeeper {
 public:
  /// `api` outlives this object.
  SliceKeeper(kube::Api& api, SliceKeeperSettings settings);
  /// Ends at once. The slices stay: the kubelet removes them when no driver comes back.
  ~SliceKeeper();
  SliceKeeper(const SliceKeeper&) = delete;
  SliceKeeper& operator=(const SliceKeeper&) = delete;
  SliceKeeper(SliceKeeper&&) = delete;
  SliceKeeper& operator=(SliceKeeper&&) = delete;

  /// What the node has now. Before the first call nothing is published or removed. To be called as
  /// often as one likes: what changes nothing that is published costs nothing. Any thread.
  void set_devices(std::vector<discovery::Device> devices);
  /// Whether the server has all that set_devices last said. Any thread.
  [[nodiscard]] bool up_to_date() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::dra
