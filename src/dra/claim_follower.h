// SPDX-License-Identifier: Apache-2.0
// Who goes along with a node's prepared claims and their devices, to tell others of them.
#pragma once

#include <vector>

#include "discovery/device.h"
#include "dra/claim.h"
#include "dra/names.h"

namespace mockdev::dra {

/// Any thread calls, and is never kept waiting for the API server.
class ClaimFollower {
 public:
  ClaimFollower() = default;
  virtual ~ClaimFollower() = default;
  ClaimFollower(const ClaimFollower&) = delete;
  ClaimFollower& operator=(const ClaimFollower&) = delete;
  ClaimFollower(ClaimFollower&&) = delete;
  ClaimFollower& operator=(ClaimFollower&&) = delete;

  /// All that the node has now. Before the first call nothing is said of any claim.
  virtual void set_devices(std::vector<discovery::Device> devices) = 0;
  /// The claim is prepared on this node. What is known costs nothing, so that a claim may be told
  /// of again.
  virtual void prepared(const Claim& claim) = 0;
  /// It is no more: nothing is said of it any longer.
  virtual void unprepared(const ClaimUid& claim) = 0;
  /// All claims have been told of that were prepared before this process came.
  virtual void told_of_all() {}
};

}  // namespace mockdev::dra
