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
  void told_of_all() override;

  /// What set_devices() was told, and behind it what is gone.
  [[nodiscard]] std::vector<discovery::Device> all();
  /// Of what set_devices() was told, the devices that prepared claims have, and that answer and
  /// are free: cards that have come back.
  [[nodiscard]] std::vector<Unowned> unowned();
  /// Whether it is known which devices prepared claims have, so that others are nobody's.
  [[nodiscard]] bool knows_all_claims();
  /// Readable when something is other than at the last call of all() without a word of
  /// set_devices(): nobody has a device that is gone any more, or all claims are known now.
  [[nodiscard]] int fd() const { return changed_.get(); }

 private:
  [[nodiscard]] bool is_held(const discovery::Device& device) const;
  void wake() const;

  const UniqueFd changed_;
  std::mutex mutex_;
  std::map<ClaimUid, std::set<DeviceName>> claims_;
  bool knows_all_claims_ = false;
  std::vector<discovery::Device> present_;
  std::map<std::string, discovery::Device> absent_;  ///< by name; some that nobody has any more
};

}  // namespace mockdev::dra
