// SPDX-License-Identifier: Apache-2.0
#include "dra/claim_service.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>

#include "base/log.h"
#include "dra/slices.h"
#include "dra/trim.h"
#include "kube/json_access.h"

namespace mockdev::dra {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string to_string(const ClaimReference& claim) {
  return fmt::format("claim={}/{} uid={}", claim.ns, claim.name, claim.uid);
}

std::string device_names(const std::vector<PreparedDevice>& devices) {
  std::vector<std::string> names;
  for (const PreparedDevice& device : devices) names.push_back(device.device.text());
  return fmt::format("{}", fmt::join(names, ","));
}

milliseconds left_until(steady_clock::time_point deadline) {
  return std::max(milliseconds(1),
                  std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()));
}

ClaimUid uid_of(const nlohmann::json& claim) {
  return ClaimUid(kube::text_at(claim, {"metadata", "uid"}));
}

/// The same failure for everybody.
template <typename T>
std::vector<Result<T>> all_failed(std::size_t count, const Error& error) {
  return std::vector<Result<T>>(count, std::unexpected(error));
}

}  // namespace

/// The right to prepare and unprepare, among the threads of this process and among processes.
class ClaimService::Turn {
 public:
  static Result<Turn> take(ClaimService& service) {
    return take(service, steady_clock::now() + service.settings_.patience);
  }
  static Result<Turn> take(ClaimService& service, Deadline deadline) {
    Turn turn;
    turn.lock_ = std::unique_lock(service.turn_, std::defer_lock);
    if (!turn.lock_.try_lock_until(deadline)) return fail("another call took too long");
    const auto& path = service.settings_.lock_file;
    if (path.empty()) return turn;
    turn.file_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!turn.file_) return fail_errno(path, errno);
    while (::flock(turn.file_.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno(path, errno);
      if (steady_clock::now() >= deadline) {
        return fail("{}: another process held it for too long", path.native());
      }
      constexpr milliseconds kPause{10};
      std::this_thread::sleep_for(kPause);
    }
    return turn;
  }

 private:
  std::unique_lock<std::timed_mutex> lock_;
  UniqueFd file_;  // the lock on the file goes with it
};

ClaimService::ClaimService(kube::Api& api, Preparer& preparer, ClaimServiceSettings settings)
    : api_(api), preparer_(preparer), settings_(std::move(settings)) {}

kube::Resource ClaimService::resource(const ClaimReference& reference) const {
  return claim_resource(settings_.api_version, reference.ns, reference.name);
}

Result<Claim> ClaimService::fetch(const ClaimReference& reference, Deadline deadline) {
  const auto object =
      api_.get(resource(reference), {.stop = ending_.get_token(), .timeout = left_until(deadline)});
  if (!object) return std::unexpected(to_error(object.error()));
  return parse_claim(*object, reference.uid, settings_.driver);
}

std::vector<ClaimHandler::Prepared> ClaimService::prepare(const std::vector<ClaimReference>& claims,
                                                          const GivenUp& given_up) {
  const Deadline deadline = steady_clock::now() + settings_.patience;
  std::vector<Result<Claim>> fetched;
  for (const ClaimReference& claim : claims) fetched.push_back(fetch(claim, deadline));

  const auto turn = Turn::take(*this, deadline);
  if (!turn) return all_failed<std::vector<PreparedDevice>>(claims.size(), turn.error());
  if (given_up()) {
    log::warn("the kubelet has given up waiting for {} claims to be prepared", claims.size());
    return all_failed<std::vector<PreparedDevice>>(claims.size(), Error{"nobody waits for it"});
  }
  std::vector<Prepared> results;
  for (std::size_t index = 0; index < claims.size(); ++index) {
    const auto& claim = fetched[index];
    Prepared prepared = claim ? preparer_.prepare(*claim) : std::unexpected(claim.error());
    if (prepared) {
      log::info("prepared {} pod={} devices={}", to_string(claims[index]),
                fmt::join(claim->pods, ","), device_names(*prepared));
      changed_.insert(claim->uid);
      tell_prepared(*claim);
    } else {
      log::error("preparing {}: {}", to_string(claims[index]), prepared.error().message);
    }
    results.push_back(std::move(prepared));
  }
  return results;
}

std::vector<Result<void>> ClaimService::unprepare(const std::vector<ClaimReference>& claims) {
  const auto turn = Turn::take(*this);
  if (!turn) return all_failed<void>(claims.size(), turn.error());
  std::vector<Result<void>> results;
  for (const ClaimReference& reference : claims) {
    auto done = preparer_.unprepare(reference.uid);
    if (done) {
      log::info("unprepared {}", to_string(reference));
      changed_.insert(reference.uid);
      tell_unprepared(reference.uid);
    } else {
      log::error("unpreparing {}: {}", to_string(reference), done.error().message);
    }
    results.push_back(std::move(done));
  }
  return results;
}

bool ClaimService::take_again(Absentees& absentees) {
  if (absentees.unowned().empty()) return false;
  constexpr std::chrono::seconds kPatience{1};
  const auto turn = Turn::take(*this, steady_clock::now() + kPatience);
  if (!turn) {
    log::warn("devices that are back are not taken again yet: {}", turn.error().message);
    return false;
  }
  bool some = false;
  // Whose they are may have changed while others had the turn.
  for (const auto& [claim, device] : absentees.unowned()) {
    const auto taken = preparer_.take_again(claim, device);
    if (!taken) {
      log::error("device={} is back, and claim uid={} does not get it: {}", device, claim,
                 taken.error().message);
    } else if (*taken) {
      log::info("device={} is back, and claim uid={} holds it again", device, claim);
      some = true;
    }
  }
  return some;
}

void ClaimService::tell_prepared(const Claim& claim) {
  for (ClaimFollower* follower : settings_.followers) follower->prepared(claim);
}

void ClaimService::tell_unprepared(const ClaimUid& claim) {
  for (ClaimFollower* follower : settings_.followers) follower->unprepared(claim);
}

void ClaimService::tell_of_all() {
  for (ClaimFollower* follower : settings_.followers) follower->told_of_all();
}

/// Of what another process has left, or does beside this one.
Result<Preparer::Holders> ClaimService::tidy() {
  const auto turn = Turn::take(*this);
  if (!turn) return std::unexpected(turn.error());
  changed_.clear();
  preparer_.remove_half_written();
  auto holders = preparer_.resume();
  if (holders.empty()) tell_of_all();
  return holders;
}

Result<unsigned> ClaimService::remove_orphans(const std::stop_token& stop) {
  // Before the list: a claim that is prepared after it must not be missed in it.
  const auto holders = tidy();
  if (!holders) return std::unexpected(holders.error());
  if (holders->empty()) return 0;
  const auto trim = [&](nlohmann::json& claim) {
    if (!holders->contains(owner_uuid(uid_of(claim)))) trim_to_identity(claim);
  };
  auto list = api_.list(claim_collection(settings_.api_version), {.trim = trim}, {.stop = stop});
  if (!list) return std::unexpected(to_error(list.error()));
  const nlohmann::json& claims = (*list)["items"];
  auto removed = remove_leftovers(*holders, claims);
  if (!settings_.followers.empty()) {
    if (auto told = tell_of_prepared(claims); !told) return std::unexpected(told.error());
  }
  return removed;
}

Result<unsigned> ClaimService::remove_leftovers(const Preparer::Holders& holders,
                                                const nlohmann::json& claims) {
  std::map<Uuid, const nlohmann::json*> living;
  for (const auto& claim : claims) living.emplace(owner_uuid(uid_of(claim)), &claim);
  unsigned removed = 0;
  std::optional<Error> problem;
  for (const auto& [holder, devices] : holders) {
    const auto claim = living.find(holder);
    const auto given = [&](const std::string& device) { return is_given(*claim->second, device); };
    if (claim != living.end() && std::ranges::all_of(devices, given)) continue;
    const auto deadline = steady_clock::now() + settings_.patience;
    const auto turn = Turn::take(*this, deadline);
    if (!turn) return std::unexpected(turn.error());
    const auto done = claim == living.end()
                          ? remove_holder(holder)
                          : take_away_what_is_not_given(holder, *claim->second, devices, deadline);
    if (!done && !problem) problem = done.error();
    if (done && *done) ++removed;
  }
  if (problem) return std::unexpected(*problem);
  return removed;
}

bool ClaimService::is_given(const nlohmann::json& claim, const std::string& device) const {
  return dra::is_given(claim, settings_.node, device_name(device));
}

Result<bool> ClaimService::remove_holder(const Uuid& holder) {
  if (auto done = preparer_.remove_holder(holder); !done) return std::unexpected(done.error());
  log::warn("claim uid={} no longer exists: its devices are free", holder);
  tell_unprepared(ClaimUid(to_string(holder)));
  return true;
}

Result<bool> ClaimService::take_away_what_is_not_given(const Uuid& holder,
                                                       const nlohmann::json& listed,
                                                       const std::vector<std::string>& devices,
                                                       Deadline deadline) {
  const ClaimReference reference{.ns = kube::text_at(listed, {"metadata", "namespace"}),
                                 .name = kube::text_at(listed, {"metadata", "name"}),
                                 .uid = uid_of(listed)};
  // Since the list was made it may have been given them and been prepared.
  const auto now =
      api_.get(resource(reference), {.stop = ending_.get_token(), .timeout = left_until(deadline)});
  if (!now) return std::unexpected(to_error(now.error()));
  if (uid_of(*now) != reference.uid) return false;  // the next look finds no claim at all
  // First, so that nobody takes them for it again. What it still has, they are told in a moment.
  tell_unprepared(reference.uid);
  for (const std::string& device : devices) {
    if (is_given(*now, device)) continue;
    if (auto done = preparer_.take_away(holder, device); !done) {
      return std::unexpected(done.error());
    }
    log::warn("device={} was held by {}, which was not given it: it is free", device,
              to_string(reference));
  }
  return true;
}

Result<void> ClaimService::tell_of_prepared(const nlohmann::json& claims) {
  // Since the list was made, some may have been unprepared: only under the turn it stays true.
  const auto turn = Turn::take(*this);
  if (!turn) return std::unexpected(turn.error());
  const auto holders = preparer_.holders();
  for (const auto& object : claims) {
    const ClaimUid uid = uid_of(object);
    // What has changed since is known better.
    if (changed_.contains(uid) || !holders.contains(owner_uuid(uid))) continue;
    const auto claim = parse_claim(object, uid, settings_.driver);
    if (!claim) continue;
    tell_prepared(*claim);
  }
  tell_of_all();
  return {};
}

}  // namespace mockdev::dra
