// SPDX-License-Identifier: Apache-2.0
// Keeps what prepared claims say of their devices right: `status.devices` (device_status.h).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "discovery/device.h"
#include "dra/claim.h"
#include "dra/names.h"
#include "kube/api.h"

namespace mockdev::dra {

struct StatusKeeperSettings {
  DriverName driver;
  std::string api_version;  ///< of resource.k8s.io; servers before 1.32 do not have the field
  std::chrono::milliseconds first_backoff{1000};  ///< of a claim, after a failure; doubles
  std::chrono::milliseconds max_backoff{60000};
};

/// Writes on a thread of its own: once when a claim is prepared, and again when the health of one
/// of its devices changes. Nothing is written that the claim says already. Entries of other drivers
/// and other conditions are left alone.
///
/// A write that fails is tried again; one that the server refuses for want of a right is not, and
/// is complained of once. A server that does not keep the field gets no further write.
class StatusKeeper {
 public:
  /// `api` outlives this object.
  StatusKeeper(kube::Api& api, StatusKeeperSettings settings);
  /// Ends at once; what waits is given up. Claims keep their status until they are deallocated.
  ~StatusKeeper();
  StatusKeeper(const StatusKeeper&) = delete;
  StatusKeeper& operator=(const StatusKeeper&) = delete;
  StatusKeeper(StatusKeeper&&) = delete;
  StatusKeeper& operator=(StatusKeeper&&) = delete;

  /// What the node has now. Before the first call nothing is written. Any thread.
  void set_devices(std::vector<discovery::Device> devices);
  /// The claim is prepared on this node. Never waits for the server. What changes nothing costs
  /// nothing, so that a claim may be told of again. Any thread.
  void prepared(const Claim& claim);
  /// It is no more: nothing is written of it any longer. Any thread.
  void unprepared(const ClaimUid& claim);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::dra
