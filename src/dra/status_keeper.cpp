// SPDX-License-Identifier: Apache-2.0
#include "dra/status_keeper.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "kube/pause.h"

namespace mockdev::dra {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

using Statuses = std::map<ClaimedDeviceId, DeviceStatus>;

/// What a failed write means.
enum class Verdict : std::uint8_t {
  again,     ///< the server or the way to it has trouble
  denied,    ///< this user lacks a right
  obsolete,  ///< the claim is gone, or is another one, or has other devices by now
};

Verdict verdict_of(const kube::ApiError& error) {
  const bool invalid = error.is(kube::reason::kInvalid);
  // From 1.36 on there are rights to the entries of each driver. Who has none is told so as of a
  // field that is invalid.
  const bool of_entries = error.message.find("resourceclaims/driver") != std::string::npos;
  if (error.is(kube::reason::kForbidden) || (invalid && of_entries)) return Verdict::denied;
  const bool gone = error.is(kube::reason::kNotFound) || error.is(kube::reason::kConflict);
  return invalid || gone ? Verdict::obsolete : Verdict::again;
}

Statuses by_id(const std::vector<DeviceStatus>& list) {
  Statuses statuses;
  for (const DeviceStatus& status : list) statuses.emplace(status.id, status);
  return statuses;
}

class StatusKeeper final : public ClaimFollower {
 public:
  StatusKeeper(kube::Api& api, StatusKeeperSettings settings)
      : api_(api),
        settings_(std::move(settings)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void set_devices(std::vector<discovery::Device> devices) override {
    const std::lock_guard lock(mutex_);
    devices_ = by_name(std::move(devices));
    for (auto& [uid, entry] : claims_) look_at(entry);
  }

  void prepared(const Claim& claim) override {
    const std::lock_guard lock(mutex_);
    if (unsupported_ || claim.devices.empty() || claims_.contains(claim.uid)) return;
    Entry entry{.where = claim_resource(settings_.api_version, claim.ns, claim.name),
                .devices = {},
                .settled = by_id(claim.statuses),
                .due = std::nullopt,
                .backoff = kube::Backoff(settings_.first_backoff, settings_.max_backoff)};
    for (const AllocatedDevice& device : claim.devices) entry.devices.insert(id_of(device));
    look_at(claims_.emplace(claim.uid, std::move(entry)).first->second);
  }

  void unprepared(const ClaimUid& claim) override {
    const std::lock_guard lock(mutex_);
    claims_.erase(claim);
  }

 private:
  struct Entry {
    kube::Resource where;
    std::set<ClaimedDeviceId> devices;
    Statuses settled;  ///< what the claim says, or what the server did not let it say
    std::optional<steady_clock::time_point> due;  ///< of the next write; none: there is none
    kube::Backoff backoff;
  };

  /// What the claim has to say. Needs the mutex and devices.
  [[nodiscard]] Statuses wanted(const Entry& entry) const {
    const auto now = std::chrono::system_clock::now();
    Statuses statuses;
    for (const ClaimedDeviceId& id : entry.devices) {
      const auto before = entry.settled.find(id);
      statuses.emplace(
          id, device_status(id, *devices_,
                            before == entry.settled.end() ? nullptr : &before->second, now));
    }
    return statuses;
  }

  /// Makes a write due if the claim says something else than it should. Needs the mutex.
  void look_at(Entry& entry) {
    // A write that is due says what is true when it begins.
    if (!devices_ || entry.due || wanted(entry) == entry.settled) return;
    entry.due = steady_clock::now();
    ++news_;
    changed_.notify_all();
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (const auto uid = wait_until_due(lock, stop)) {
      Entry& entry = claims_.at(*uid);
      entry.due.reset();
      const Statuses statuses = wanted(entry);
      if (statuses == entry.settled) continue;  // it is again as it was
      const kube::Resource where = entry.where;
      lock.unlock();
      const auto written = write(*uid, where, statuses, stop);
      lock.lock();
      if (stop.stop_requested()) return;
      conclude(*uid, statuses, written);
    }
  }

  /// The claim that is due, as soon as there is one. None: it is over.
  std::optional<ClaimUid> wait_until_due(std::unique_lock<std::mutex>& lock,
                                         const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto first = earliest();
      const auto due = first == claims_.end() ? std::nullopt : first->second.due;
      if (due && *due <= steady_clock::now()) return first->first;
      const auto is_news = [this, seen = news_] { return news_ != seen; };
      if (due) {
        changed_.wait_until(lock, stop, *due, is_news);
      } else {
        changed_.wait(lock, stop, is_news);
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::map<ClaimUid, Entry>::const_iterator earliest() const {
    return std::ranges::min_element(claims_, {}, [](const auto& claim) {
      return claim.second.due.value_or(steady_clock::time_point::max());
    });
  }

  /// By server-side apply, in the driver's name: so the server merges our entries with those of
  /// others. The UID makes a claim that has taken the name of ours refuse it.
  kube::ApiResult<json> write(const ClaimUid& uid, const kube::Resource& where,
                              const Statuses& statuses, const std::stop_token& stop) {
    json entries = json::array();
    for (const auto& [id, status] : statuses) {
      entries.push_back(device_status_json(status, settings_.driver));
    }
    const json object = {
        {"apiVersion", where.group + "/" + where.version},
        {"kind", "ResourceClaim"},
        {"metadata", {{"name", where.name}, {"namespace", where.ns}, {"uid", uid.text()}}},
        {"status", {{"devices", std::move(entries)}}}};
    return api_.patch(where, object,
                      {.type = kube::PatchType::apply,
                       .subresource = "status",
                       .force = true,
                       .manager = settings_.driver.text()},
                      {.stop = stop});
  }

  /// Needs the mutex.
  void conclude(const ClaimUid& uid, const Statuses& statuses,
                const kube::ApiResult<json>& written) {
    if (written && parse_device_statuses(*written, settings_.driver).empty()) return give_up();
    const auto claim = claims_.find(uid);
    if (claim == claims_.end()) return;  // unprepared meanwhile
    if (!written) return take_refusal(claim, statuses, written.error());
    denied_ = false;
    claim->second.settled = statuses;
    claim->second.backoff.reset();
  }

  /// Needs the mutex.
  void take_refusal(std::map<ClaimUid, Entry>::iterator claim, const Statuses& statuses,
                    const kube::ApiError& error) {
    Entry& entry = claim->second;
    switch (verdict_of(error)) {
      case Verdict::again:
        log::warn("{}", error.message);
        entry.due = steady_clock::now() + entry.backoff.next();
        return;
      case Verdict::denied:
        if (!std::exchange(denied_, true)) {
          log::error("claims get no status of their devices, docs/dra.md has the rights: {}",
                     error.message);
        }
        entry.settled = statuses;
        return;
      case Verdict::obsolete:
        log::debug("{}", error.message);
        claims_.erase(claim);
        return;
    }
  }

  void give_up() {
    log::warn(
        "the API server keeps no status of claims' devices; feature gate "
        "DRAResourceClaimDeviceStatus is off");
    unsupported_ = true;
    claims_.clear();
  }

  kube::Api& api_;
  const StatusKeeperSettings settings_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t news_ = 0;  ///< grows when a write becomes due
  std::optional<DevicesByName> devices_;
  std::map<ClaimUid, Entry> claims_;
  bool denied_ = false;       ///< complained of since the last success
  bool unsupported_ = false;  ///< the server drops the field
  std::jthread thread_;       // last: ends before what it uses
};

}  // namespace

std::unique_ptr<ClaimFollower> make_status_keeper(kube::Api& api, StatusKeeperSettings settings) {
  return std::make_unique<StatusKeeper>(api, std::move(settings));
}

}  // namespace mockdev::dra
