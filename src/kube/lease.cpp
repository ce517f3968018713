// SPDX-License-Identifier: Apache-2.0
#include "kube/lease.h"

#include <algorithm>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/log.h"
#include "kube/json_access.h"
#include "kube/pause.h"
#include "kube/time.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

constexpr std::string_view kGroup = "coordination.k8s.io";

/// Contenders look again after retry_period times a factor up to this, so that they don't all come
/// at once.
constexpr double kContenderJitter = 2.2;

/// The least time for one attempt, however short the settings are.
constexpr nanoseconds kLeastAttempt = std::chrono::milliseconds(10);

std::string holder_of(const json& lease) {
  return text_at(lease, {"spec", "holderIdentity"});
}

Result<void> check(const LeaseSettings& settings) {
  if (settings.ns.empty() || settings.name.empty() || settings.identity.empty()) {
    return fail("leader election: namespace, name and identity must not be empty");
  }
  if (settings.retry_period.count() <= 0 || settings.retry_period >= settings.renew_deadline ||
      settings.renew_deadline >= settings.lease_duration) {
    return fail(
        "leader election: lease duration ({} s) must be longer than the renew deadline ({} ms), "
        "and that longer than the retry period ({} ms)",
        settings.lease_duration.count(), settings.renew_deadline.count(),
        settings.retry_period.count());
  }
  return {};
}

}  // namespace

class LeaderElection::Implementation {
 public:
  Implementation(Api& api, LeaseSettings settings)
      : api_(api),
        settings_(std::move(settings)),
        lease_{.group = std::string(kGroup),
               .version = "v1",
               .plural = "leases",
               .ns = settings_.ns,
               .name = settings_.name} {}

  void start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] bool is_leader() const {
    const std::scoped_lock lock(mutex_);
    return leading_ && Clock::now() < renewed_ + settings_.renew_deadline;
  }

  [[nodiscard]] std::string leader() const {
    const std::scoped_lock lock(mutex_);
    return holder_;
  }

 private:
  void run(const std::stop_token& stop) {
    while (contend(stop)) lead(stop);
  }

  /// Until the Lease is ours (true) or stop is requested.
  bool contend(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (try_once(settings_.renew_deadline, stop)) return true;
      const auto pause = settings_.retry_period * random_factor(1.0, kContenderJitter);
      if (!pause_for(std::chrono::duration_cast<nanoseconds>(pause), stop)) return false;
    }
    return false;
  }

  void lead(const std::stop_token& stop) {
    log::info("leading: {} holds {}", settings_.identity, to_string(lease_));
    set_leading(true);
    if (settings_.started_leading) settings_.started_leading();
    const bool kept = renew(stop);
    set_leading(false);
    if (settings_.stopped_leading) settings_.stopped_leading();
    log::info("no longer leading: {}", kept ? "this program stops" : "the Lease was not renewed");
    if (kept) release();
  }

  /// Until the Lease is lost (false) or stop is requested.
  bool renew(const std::stop_token& stop) {
    while (pause_for(settings_.retry_period, stop)) {
      const nanoseconds left = renewed() + settings_.renew_deadline - Clock::now();
      // A third of it: an attempt is up to three requests.
      const auto patience = std::max<nanoseconds>(left / 3, kLeastAttempt);
      if (left <= nanoseconds(0)) return stop.stop_requested();
      if (!try_once(patience, stop) && is_others()) {
        return stop.stop_requested();
      }
    }
    return true;
  }

  /// Takes the Lease, or renews it. False: it is another's, or the server did not answer.
  bool try_once(nanoseconds patience, const std::stop_token& stop) {
    const CallLimits limits{.stop = stop,
                            .timeout = std::chrono::ceil<std::chrono::milliseconds>(patience)};
    // Ours as we know it needs no reading first: if it changed, the update is refused.
    if (is_ours()) {
      const auto written = write(limits);
      if (written) return true;
      if (!written.error().is(reason::kConflict) && !written.error().is(reason::kNotFound)) {
        return failed(written.error());
      }
    }
    auto current = api_.get(lease_, limits);
    if (!current) {
      if (!current.error().is(reason::kNotFound)) return failed(current.error());
      return create(limits);
    }
    observe(*std::move(current));
    if (is_others()) return false;
    const auto written = write(limits);
    return written ? true : failed(written.error());
  }

  [[nodiscard]] bool is_ours() const { return holder_of(observed_) == settings_.identity; }

  /// Whether another holds the Lease, as far as one can tell without comparing clocks.
  [[nodiscard]] bool is_others() const {
    if (holder_of(observed_).empty() || is_ours()) return false;
    const std::int64_t seconds = number_at(observed_, {"spec", "leaseDurationSeconds"});
    return Clock::now() < changed_ + std::max(std::chrono::seconds(seconds), kShortestDuration);
  }

  /// The spec with which we hold the Lease from now on.
  [[nodiscard]] json taken(const json& lease) const {
    json mine = lease;
    json& spec = mine["spec"];
    if (!spec.is_object()) spec = json::object();
    const std::string now = micro_time(std::chrono::system_clock::now());
    if (holder_of(lease) != settings_.identity) {
      spec["acquireTime"] = now;
      spec["leaseTransitions"] = number_at(lease, {"spec", "leaseTransitions"}) + 1;
    }
    spec["holderIdentity"] = settings_.identity;
    spec["leaseDurationSeconds"] = settings_.lease_duration.count();
    spec["renewTime"] = now;
    return mine;
  }

  bool create(const CallLimits& limits) {
    json lease = taken({{"apiVersion", "coordination.k8s.io/v1"},
                        {"kind", "Lease"},
                        {"metadata", {{"name", settings_.name}, {"namespace", settings_.ns}}}});
    lease["spec"]["leaseTransitions"] = 0;
    const auto begun = Clock::now();
    auto created = api_.create(lease_.named({}), lease, limits);
    if (!created) return failed(created.error());
    hold(*std::move(created), begun);
    return true;
  }

  /// The Lease as last seen, with us as its holder.
  ApiResult<void> write(const CallLimits& limits) {
    // Others count from when the server had it, which is later.
    const auto begun = Clock::now();
    auto updated = api_.update(lease_, taken(observed_), limits);
    if (!updated) return std::unexpected(std::move(updated).error());
    hold(*std::move(updated), begun);
    return {};
  }

  void hold(json lease, Clock::time_point begun) {
    logged_.clear();
    observe(std::move(lease));
    const std::scoped_lock lock(mutex_);
    renewed_ = begun;
  }

  void observe(json lease) {
    const json* const old_spec = member(observed_, {"spec"});
    const json* const new_spec = member(lease, {"spec"});
    const bool same = old_spec != nullptr && new_spec != nullptr && *old_spec == *new_spec;
    if (!same) changed_ = Clock::now();
    observed_ = std::move(lease);
    const std::scoped_lock lock(mutex_);
    if (holder_ != holder_of(observed_)) {
      holder_ = holder_of(observed_);
      log::info("{}: leader is now {}", to_string(lease_), holder_.empty() ? "nobody" : holder_);
    }
  }

  /// Conflict and AlreadyExists are how the others are noticed, not worth a word. What lasts is
  /// said once, not at each attempt.
  bool failed(const ApiError& error) {
    const bool usual = error.is(reason::kConflict) || error.is(reason::kAlreadyExists) ||
                       error.is(reason::kCancelled);
    if (!usual && error.message != logged_) {
      log::warn("leader election: {}", error.message);
      logged_ = error.message;
    }
    return false;
  }

  /// So that the next one need not wait for the Lease to run out.
  void release() {
    json lease = taken(observed_);
    lease["spec"]["holderIdentity"] = "";
    lease["spec"]["leaseDurationSeconds"] = 1;
    const auto released = api_.update(lease_, lease, {.timeout = settings_.retry_period});
    if (!released) failed(released.error());
    const std::scoped_lock lock(mutex_);
    holder_.clear();
  }

  void set_leading(bool leading) {
    const std::scoped_lock lock(mutex_);
    leading_ = leading;
  }

  [[nodiscard]] Clock::time_point renewed() const {
    const std::scoped_lock lock(mutex_);
    return renewed_;
  }

  static constexpr std::chrono::seconds kShortestDuration{1};

  Api& api_;
  const LeaseSettings settings_;
  const Resource lease_;

  // The election's thread's own.
  json observed_;              // the Lease as last seen
  Clock::time_point changed_;  // when its spec was first seen as it is
  std::string logged_;         // the failure that was last logged, while it lasts

  mutable std::mutex mutex_;
  bool leading_ = false;
  std::string holder_;
  Clock::time_point renewed_;  // when the last write that succeeded began
  std::jthread thread_;        // last: ends before what it uses
};

LeaderElection::LeaderElection(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

LeaderElection::~LeaderElection() = default;

Result<std::unique_ptr<LeaderElection>> LeaderElection::make(Api& api, LeaseSettings settings) {
  if (auto checked = check(settings); !checked) return std::unexpected(checked.error());
  return std::unique_ptr<LeaderElection>(
      new LeaderElection(std::make_unique<Implementation>(api, std::move(settings))));
}

void LeaderElection::start() {
  implementation_->start();
}

void LeaderElection::stop() {
  implementation_->stop();
}

bool LeaderElection::is_leader() const {
  return implementation_->is_leader();
}

std::string LeaderElection::leader() const {
  return implementation_->leader();
}

}  // namespace mockdev::kube
