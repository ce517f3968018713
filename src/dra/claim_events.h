// SPDX-License-Identifier: Apache-2.0
// Events of a claim and of its pods, when one of its devices fails, goes or is well again.
#pragma once

#include <memory>
#include <string>

#include "dra/claim_follower.h"
#include "dra/names.h"
#include "kube/api.h"

namespace mockdev::dra {

struct ClaimEventsSettings {
  DriverName driver;
  NodeName node;
  std::string api_version;  ///< of resource.k8s.io
};

/// Writes warnings "DeviceDegraded", "DeviceFailed" and "DeviceGone" and the normal
/// "DeviceHealthy", about the claim and about each pod that it is reserved for then, which is asked
/// of the API server. They are written on threads of its own. Events are no account of what
/// happened: one that can't be written is logged and forgotten, and a device that is again as it
/// was before its turn has none.
///
/// A claim that comes is taken to know what its status says of its devices, and them to be healthy
/// where it says nothing.
///
/// `api` outlives it. It ends at once when it is destroyed; what waits is given up.
[[nodiscard]] std::unique_ptr<ClaimFollower> make_claim_events(kube::Api& api,
                                                               ClaimEventsSettings settings);

}  // namespace mockdev::dra
