// SPDX-License-Identifier: Apache-2.0
// Leader election: of all replicas that contend for a Lease, one at a time leads.
//
// Nobody's clock is compared with another's: a replica may take a Lease over when it has seen no
// change of it for the holder's lease duration, measured on its own monotonic clock. A leader that
// could not renew for `renew_deadline` stops leading, which is before anybody may take over.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "kube/api.h"

namespace mockdev::kube {

struct LeaseSettings {
  std::string ns;        ///< namespace of the Lease
  std::string name;      ///< of the Lease
  std::string identity;  ///< this replica, unique among all: pod name and a random part
  /// lease_duration > renew_deadline > retry_period; whole seconds, as the Lease has them.
  std::chrono::seconds lease_duration{15};
  std::chrono::milliseconds renew_deadline{10000};
  std::chrono::milliseconds retry_period{2000};
  /// Both are called on the election's thread and have to be quick: it renews meanwhile not.
  std::function<void()> started_leading = {};
  /// Follows each started_leading. When it has returned, nothing of what only a leader may do is
  /// done any more; on stop() the Lease is given up only then.
  std::function<void()> stopped_leading = {};
};

/// Contends for a Lease on a thread of its own, between start() and stop(). Who lost it contends
/// again.
class LeaderElection {
 public:
  /// Fails if the settings contradict themselves. `api` stays alive until stop() has returned.
  [[nodiscard]] static Result<std::unique_ptr<LeaderElection>> make(Api& api,
                                                                    LeaseSettings settings);
  /// As stop().
  ~LeaderElection();
  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;
  LeaderElection(LeaderElection&&) = delete;
  LeaderElection& operator=(LeaderElection&&) = delete;

  /// Once at most.
  void start();
  /// Stops leading, gives the Lease up so that another need not wait, and ends the thread. Takes
  /// no longer than one attempt to write (retry_period at most). Not to be called by the callbacks.
  void stop();

  [[nodiscard]] bool is_leader() const;  ///< any thread
  /// The identity of who leads, as last seen; empty: nobody is known to. Any thread.
  [[nodiscard]] std::string leader() const;

 private:
  class Implementation;
  explicit LeaderElection(std::unique_ptr<Implementation> implementation);

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::kube
