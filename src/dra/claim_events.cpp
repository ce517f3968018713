// SPDX-License-Identifier: Apache-2.0
#include "dra/claim_events.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "dra/device_status.h"
#include "kube/events.h"
#include "kube/json_access.h"

namespace mockdev::dra {
namespace {

using kube::text_at;
using nlohmann::json;

/// The reason of device_status.h for a device of which there is nothing to tell.
constexpr const char* kWell = "Prepared";

/// The pods that may use the claim now.
std::vector<kube::ObjectReference> pods_of(const json& claim) {
  std::vector<kube::ObjectReference> pods;
  const json* const users = kube::member(claim, {"status", "reservedFor"});
  if (users == nullptr) return pods;
  for (const json& user : *users) {
    if (text_at(user, {"resource"}) != "pods" || !text_at(user, {"apiGroup"}).empty()) continue;
    pods.push_back({.api_version = "v1",
                    .kind = "Pod",
                    .ns = text_at(claim, {"metadata", "namespace"}),
                    .name = text_at(user, {"name"}),
                    .uid = text_at(user, {"uid"})});
  }
  return pods;
}

kube::Event event_of(const DeviceStatus& status, const std::string& claim,
                     kube::ObjectReference regarding) {
  return {.regarding = std::move(regarding),
          .type = status.ready ? kube::Event::Type::normal : kube::Event::Type::warning,
          .reason = "Device" + (status.ready ? "Healthy" : status.reason),
          .action = "ReportHealth",
          .note = fmt::format("{} of pool {}, claim {}: {}", status.id.device, status.id.pool,
                              claim, status.message)};
}

class ClaimEvents final : public ClaimFollower {
 public:
  ClaimEvents(kube::Api& api, ClaimEventsSettings settings)
      : api_(api),
        settings_(std::move(settings)),
        recorder_(api, {.controller = settings_.driver.text(), .instance = settings_.node.text()}),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void set_devices(std::vector<discovery::Device> devices) override {
    const std::lock_guard lock(mutex_);
    devices_ = by_name(std::move(devices));
    for (const auto& [uid, entry] : claims_) look_at(uid, entry);
  }

  void prepared(const Claim& claim) override {
    const std::lock_guard lock(mutex_);
    if (claim.devices.empty() || claims_.contains(claim.uid)) return;
    Entry entry{.where = claim_resource(settings_.api_version, claim.ns, claim.name), .known = {}};
    for (const AllocatedDevice& device : claim.devices) entry.known.emplace(id_of(device), kWell);
    for (const DeviceStatus& status : claim.statuses) {
      const auto known = entry.known.find(status.id);
      if (known != entry.known.end() && !status.reason.empty()) known->second = status.reason;
    }
    look_at(claim.uid, claims_.emplace(claim.uid, std::move(entry)).first->second);
  }

  void unprepared(const ClaimUid& claim) override {
    const std::lock_guard lock(mutex_);
    claims_.erase(claim);
    due_.erase(claim);
  }

 private:
  struct Entry {
    kube::Resource where;
    std::map<ClaimedDeviceId, std::string> known;  ///< the reason that was told last
  };

  /// What there is to tell. Needs the mutex and devices.
  [[nodiscard]] std::vector<DeviceStatus> news_of(const Entry& entry) const {
    std::vector<DeviceStatus> news;
    for (const auto& [id, known] : entry.known) {
      auto status = device_status(id, *devices_, nullptr, std::chrono::system_clock::now());
      if (status.reason != known) news.push_back(std::move(status));
    }
    return news;
  }

  /// Needs the mutex.
  void look_at(const ClaimUid& uid, const Entry& entry) {
    if (!devices_ || news_of(entry).empty()) return;
    due_.insert(uid);
    changed_.notify_all();
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !due_.empty(); })) {
      const ClaimUid uid = due_.extract(due_.begin()).value();
      Entry& entry = claims_.at(uid);
      const auto news = news_of(entry);
      if (news.empty()) continue;  // it is again as it was
      for (const DeviceStatus& status : news) entry.known.at(status.id) = status.reason;
      const kube::Resource where = entry.where;
      lock.unlock();
      tell(uid, where, news, stop);
      lock.lock();
    }
  }

  void tell(const ClaimUid& uid, const kube::Resource& where, const std::vector<DeviceStatus>& news,
            const std::stop_token& stop) {
    const auto claim = api_.get(where, {.stop = stop});
    if (!claim) {
      if (!stop.stop_requested()) log::warn("no event of a device: {}", claim.error().message);
      return;
    }
    if (text_at(*claim, {"metadata", "uid"}) != uid.text()) return;  // another one of its name
    auto regarded = pods_of(*claim);
    regarded.push_back({.api_version = where.group + "/" + where.version,
                        .kind = "ResourceClaim",
                        .ns = where.ns,
                        .name = where.name,
                        .uid = uid.text()});
    for (const DeviceStatus& status : news) {
      for (const auto& object : regarded) recorder_.record(event_of(status, where.name, object));
    }
  }

  kube::Api& api_;
  const ClaimEventsSettings settings_;
  kube::EventRecorder recorder_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<DevicesByName> devices_;
  std::map<ClaimUid, Entry> claims_;
  std::set<ClaimUid> due_;  ///< those of claims_ that there is something to tell of
  std::jthread thread_;     // last: ends before what it uses
};

}  // namespace

std::unique_ptr<ClaimFollower> make_claim_events(kube::Api& api, ClaimEventsSettings settings) {
  return std::make_unique<ClaimEvents>(api, std::move(settings));
}

}  // namespace mockdev::dra
