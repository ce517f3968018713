// SPDX-License-Identifier: Apache-2.0
#include "dra/sweeper.h"

#include <algorithm>
#include <condition_variable>
#include <initializer_list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "dra/publisher.h"
#include "dra/trim.h"
#include "kube/json_access.h"
#include "kube/watch.h"

namespace mockdev::dra {
namespace {

using kube::text_at;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// The nodes that a collection's objects name in the member at a path.
std::set<std::string> nodes_in(const kube::Watch& watch,
                               std::initializer_list<std::string_view> path) {
  std::set<std::string> nodes;
  for (const auto& object : watch.objects()) nodes.insert(text_at(*object, path));
  return nodes;
}

}  // namespace

class Sweeper::Implementation final : private kube::WatchHandler {
 public:
  Implementation(kube::Api& api, SweeperSettings settings)
      : api_(api),
        settings_(std::move(settings)),
        nodes_(api, {.version = "v1", .plural = "nodes"}, {.trim = trim_to_identity}, *this),
        slices_(api, slice_collection(settings_.api_version),
                {.field_selector = fmt::format("spec.driver={}", settings_.driver),
                 .page_size = kSlicesPerPage,
                 .trim = trim_to_identity},
                *this) {
    if (!settings_.agent_selector.empty()) {
      kube::WatchHandler& handler = *this;
      agents_.emplace(
          api, kube::Resource{.version = "v1", .plural = "pods", .ns = settings_.agent_namespace},
          kube::WatchSettings{.label_selector = settings_.agent_selector, .trim = trim_to_identity},
          handler);
      agents_->start();
    }
    nodes_.start();
    slices_.start();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  ~Implementation() override {
    // Before anything that their calls use goes.
    if (agents_) agents_->stop();
    nodes_.stop();
    slices_.stop();
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  Implementation(Implementation&&) = delete;
  Implementation& operator=(Implementation&&) = delete;

 private:
  void added(const json& /*object*/) override { look_soon(); }
  void modified(const json& /*object*/) override {}  // names stay as they are
  void deleted(const json& /*object*/) override { look_soon(); }
  void synced() override { look_soon(); }
  void failed(const kube::ApiError& error) override { log::warn("{}", error.message); }

  /// Many events come together: one look is enough for them.
  void look_soon() {
    constexpr milliseconds kGathering{100};
    const std::lock_guard lock(mutex_);
    const auto soon = steady_clock::now() + kGathering;
    due_ = std::min(due_.value_or(soon), soon);
    changed_.notify_all();
  }

  void run(const std::stop_token& stop) {
    constexpr std::chrono::hours kLong{24};
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto until = due_.value_or(steady_clock::now() + kLong);
      if (until > steady_clock::now()) {
        // An earlier time may come up meanwhile.
        changed_.wait_until(lock, stop, until, [&] { return due_ && *due_ < until; });
        continue;
      }
      due_.reset();
      lock.unlock();
      const auto next = sweep(stop);
      lock.lock();
      if (next) due_ = std::min(due_.value_or(*next), *next);
    }
  }

  /// Removes what has to go now. Gives the time at which more may have to.
  std::optional<steady_clock::time_point> sweep(const std::stop_token& stop) {
    if (!nodes_.has_synced() || !slices_.has_synced() || (agents_ && !agents_->has_synced())) {
      return std::nullopt;
    }
    note_abandoned();
    const auto now = steady_clock::now();
    std::optional<steady_clock::time_point> next;
    const auto look_again = [&next](steady_clock::time_point time) {
      next = std::min(next.value_or(time), time);
    };
    for (const auto& [node, since] : abandoned_) {
      const auto end = since + settings_.grace;
      if (end > now) {
        look_again(end);
      } else if (!remove_slices_of(node, stop)) {
        look_again(now + settings_.retry);
      }
    }
    return next;
  }

  /// Keeps for each node that has slices but nobody to serve them since when that is so.
  void note_abandoned() {
    const auto nodes = nodes_in(nodes_, {"metadata", "name"});
    const auto agents = agents_ ? nodes_in(*agents_, {"spec", "nodeName"}) : nodes;
    std::map<std::string, steady_clock::time_point> abandoned;
    for (const auto& slice : slices_.objects()) {
      const std::string node = text_at(*slice, {"spec", "nodeName"});
      const bool served = agents.contains(node) || is_simulated(*slice, settings_.driver);
      if (node.empty() || (nodes.contains(node) && served) || abandoned.contains(node)) continue;
      const auto known = abandoned_.find(node);
      abandoned[node] = known == abandoned_.end() ? steady_clock::now() : known->second;
    }
    abandoned_ = std::move(abandoned);
  }

  /// False: one could not be removed.
  bool remove_slices_of(const std::string& node, const std::stop_token& stop) {
    bool all = true;
    for (const auto& slice : slices_.objects()) {
      if (text_at(*slice, {"spec", "nodeName"}) != node) continue;
      const std::string name = text_at(*slice, {"metadata", "name"});
      const auto removed =
          api_.remove(slice_collection(settings_.api_version).named(name),
                      {.uid = text_at(*slice, {"metadata", "uid"}),
                       .resource_version = text_at(*slice, {"metadata", "resourceVersion"})},
                      {.stop = stop});
      // One that is gone, or that somebody has just written, is what the watch will tell of.
      const bool done = removed || removed.error().is(kube::reason::kNotFound) ||
                        removed.error().is(kube::reason::kConflict);
      if (removed) log::info("removed slice={} of node={}, which nobody serves", name, node);
      if (!done) log::warn("node={}: {}", node, removed.error().message);
      if (settings_.on_removal && (removed || !done)) {
        settings_.on_removal(done ? Result<void>() : std::unexpected(to_error(removed.error())));
      }
      all = all && done;
    }
    return all;
  }

  kube::Api& api_;
  SweeperSettings settings_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<steady_clock::time_point> due_;  ///< when to look; none: nothing is to be seen
  std::map<std::string, steady_clock::time_point> abandoned_;  ///< of the thread alone
  kube::Watch nodes_;
  kube::Watch slices_;
  std::optional<kube::Watch> agents_;
  std::jthread thread_;
};

Sweeper::Sweeper(kube::Api& api, SweeperSettings settings)
    : implementation_(std::make_unique<Implementation>(api, std::move(settings))) {}
Sweeper::~Sweeper() = default;

}  // namespace mockdev::dra
