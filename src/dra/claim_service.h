// SPDX-License-Identifier: Apache-2.0
// The kubelet's wishes for claims, from the claim's name to its prepared devices.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "dra/absentees.h"
#include "dra/claim.h"
#include "dra/claim_follower.h"
#include "dra/names.h"
#include "dra/prepare.h"
#include "kube/api.h"

namespace mockdev::dra {

/// A claim as the kubelet names it.
struct ClaimReference {
  std::string ns;
  std::string name;
  ClaimUid uid;
};

/// What the kubelet may ask of a driver. Any thread may call, several at a time. Each result stands
/// for one claim: one that fails does not hold up the others.
class ClaimHandler {
 public:
  using Prepared = Result<std::vector<PreparedDevice>>;
  /// Whether the caller no longer waits for the answer. Asked by the thread that was called.
  using GivenUp = std::function<bool()>;

  ClaimHandler() = default;
  virtual ~ClaimHandler() = default;
  ClaimHandler(const ClaimHandler&) = delete;
  ClaimHandler& operator=(const ClaimHandler&) = delete;
  ClaimHandler(ClaimHandler&&) = delete;
  ClaimHandler& operator=(ClaimHandler&&) = delete;

  /// Results in the order of `claims`. Nothing is prepared for a caller who has given up, since he
  /// may have the claims unprepared meanwhile.
  [[nodiscard]] virtual std::vector<Prepared> prepare(const std::vector<ClaimReference>& claims,
                                                      const GivenUp& given_up) = 0;
  [[nodiscard]] virtual std::vector<Result<void>> unprepare(
      const std::vector<ClaimReference>& claims) = 0;
};

struct ClaimServiceSettings {
  DriverName driver;
  NodeName node;
  std::string api_version;  ///< of resource.k8s.io
  /// Held while something is prepared or unprepared, so that the old and the new agent of a rolling
  /// update don't do it both at once. Empty: there is only one agent.
  std::filesystem::path lock_file;
  /// After this long a call gives up. The kubelet itself waits 45 seconds.
  std::chrono::milliseconds patience{40000};
  /// Hear which claims are prepared. They outlive the service.
  std::vector<ClaimFollower*> followers{};
};

/// Asks the API server for each claim, before anything is locked: a slow server holds up only the
/// call that waits for it. Then one call at a time prepares or unprepares.
class ClaimService final : public ClaimHandler {
 public:
  /// `api` and `preparer` outlive this object.
  ClaimService(kube::Api& api, Preparer& preparer, ClaimServiceSettings settings);

  [[nodiscard]] std::vector<Prepared> prepare(const std::vector<ClaimReference>& claims,
                                              const GivenUp& given_up) override;
  [[nodiscard]] std::vector<Result<void>> unprepare(
      const std::vector<ClaimReference>& claims) override;

  /// Takes the devices that have come back for the claims that have them; what is in the way is in
  /// the log. Whether there were some. Does not wait long for its turn: without it, there is a next
  /// time.
  bool take_again(Absentees& absentees);

  /// Calls that wait for the API server fail, and those that come.
  void end_waiting() { ending_.request_stop(); }

  /// Frees devices and removes CDI files of claims that no longer exist, as they are left where a
  /// node lost its memory of them, and devices that a claim holds and was not given, such as one
  /// that could not be reached when the claim was unprepared. Costs a list of all claims, and
  /// nothing if no claim is prepared. The number of claims of which something was left; what can't
  /// be freed does not hold up the rest, and the first error comes back. From the list, the
  /// followers hear of the claims that a process before this one has prepared.
  [[nodiscard]] Result<unsigned> remove_orphans(const std::stop_token& stop = {});

 private:
  class Turn;
  using Deadline = std::chrono::steady_clock::time_point;

  [[nodiscard]] kube::Resource resource(const ClaimReference& reference) const;
  [[nodiscard]] Result<Claim> fetch(const ClaimReference& reference, Deadline deadline);
  [[nodiscard]] Result<Preparer::Holders> tidy();
  /// `claims` are all that there are.
  [[nodiscard]] Result<unsigned> remove_leftovers(const Preparer::Holders& holders,
                                                  const nlohmann::json& claims);
  [[nodiscard]] bool is_given(const nlohmann::json& claim, const std::string& device) const;
  /// For who has the turn, as the next one. Whether there was something.
  [[nodiscard]] Result<bool> remove_holder(const Uuid& holder);
  [[nodiscard]] Result<bool> take_away_what_is_not_given(const Uuid& holder,
                                                         const nlohmann::json& listed,
                                                         const std::vector<std::string>& devices,
                                                         Deadline deadline);
  [[nodiscard]] Result<void> tell_of_prepared(const nlohmann::json& claims);
  void tell_prepared(const Claim& claim);
  void tell_unprepared(const ClaimUid& claim);
  void tell_of_all();

  kube::Api& api_;
  Preparer& preparer_;
  ClaimServiceSettings settings_;
  std::timed_mutex turn_;
  std::set<ClaimUid> changed_;  ///< since the list of all was asked for; whose turn it is
  std::stop_source ending_;
};

}  // namespace mockdev::dra
