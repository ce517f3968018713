// SPDX-License-Identifier: Apache-2.0
// Keeps what prepared claims say of their devices right: `status.devices` (device_status.h).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "dra/claim_follower.h"
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
///
/// `api` outlives it. It ends at once when it is destroyed; what waits is given up, and claims keep
/// their status until they are deallocated.
[[nodiscard]] std::unique_ptr<ClaimFollower> make_status_keeper(kube::Api& api,
                                                                StatusKeeperSettings settings);

}  // namespace mockdev::dra
