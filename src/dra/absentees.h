// SPDX-License-Identifier: Apache-2.0
// Devices that the machine has no more while a prepared claim still has them.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "discovery/device.h"
#include "dra/claim_follower.h"
#include "dra/names.h"

namespace mockdev::dra {

/// A device that the machine has, without the owner that it should have.
struct Unowned {
  ClaimUid claim;
  std::string device;  ///< the kernel's name
  bool operator==(const Unowned&) const = default;
};

/// Who only looks at devices (admin access) has none. Remembers them as they were, but for their
/// health, which is `gone`, and their readings, which they have none of: so they stay in their
/// slices, and those who hold them are told. What was gone before this process came is unknown to
/// it. Thread-safe.
class Absentees final : public ClaimFollower {
 public:
  Absentees();

  void set_devices(std::vector<discovery::Device> devices) override;
  void prepared(const Claim& claim) override;
  void unprepared(const ClaimUid& claim) override;

  /// What set_devices() was told, and behind it what is gone.
  [[nodiscard]] std::vector<discovery::Device> all();
  /// Of what set_devices() was told, the devices that prepared claims have, and that answer and
  /// know of no owner: cards that have come back.
  [[nodiscard]] std::vector<Unowned> unowned();
  /// Readable when all() has fewer devices than it had at its last call, as nobody has one that is
  /// gone any more.
  [[nodiscard]] int fd() const { return released_.get(); }

 private:
  [[nodiscard]] bool is_held(const discovery::Device& device) const;

  const UniqueFd released_;
  std::mutex mutex_;
  std::map<ClaimUid, std::set<DeviceName>> claims_;
  std::vector<discovery::Device> present_;
  std::map<std::string, discovery::Device> absent_;  ///< by name
};

}  // namespace mockdev::dra
