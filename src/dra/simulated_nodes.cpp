// SPDX-License-Identifier: Apache-2.0
#include "dra/simulated_nodes.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "dra/slice_json.h"
#include "dra/trim.h"
#include "kube/json_access.h"
#include "kube/watch.h"

namespace mockdev::dra {
namespace {

using kube::number_at;
using kube::text_at;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Time = steady_clock::time_point;

/// Keeps of a slice, besides who and where it is, its pool and a digest of its content.
void keep_summary(json& slice) {
  const json spec = slice.value("spec", json::object());
  trim_to_identity(slice);
  slice["spec"]["pool"] = spec.value("pool", json::object());
  slice["spec"]["digest"] = content_digest(spec);
}

/// A slice as far as its place and content go: the same for a stored one and for one that should
/// be.
using Summary = std::pair<std::string, std::string>;  // pool and digest

/// Hands what happens to a collection to a function; the collection need not be known by then.
class Events final : public kube::WatchHandler {
 public:
  using Function = std::function<void(const json& object, bool deleted)>;
  Events(Function on_change, std::function<void()> on_sync)
      : on_change_(std::move(on_change)), on_sync_(std::move(on_sync)) {}

  void added(const json& object) override { on_change_(object, false); }
  void modified(const json& object) override { on_change_(object, false); }
  void deleted(const json& object) override { on_change_(object, true); }
  void synced() override { on_sync_(); }

 private:
  Function on_change_;
  std::function<void()> on_sync_;
};

}  // namespace

class SimulatedNodes::Implementation {
 public:
  Implementation(kube::Api& api, SimulatedNodesSettings settings)
      : api_(api),
        settings_(std::move(settings)),
        nodes_(api, {.version = "v1", .plural = "nodes"}, {.trim = trim_to_identity}, node_events_),
        slices_(api, slice_collection(settings_.publisher.api_version),
                {.field_selector = fmt::format("spec.driver={}", settings_.publisher.driver),
                 .page_size = kSlicesPerPage,
                 .trim = keep_summary},
                slice_events_) {
    if (!settings_.agent_selector.empty()) {
      agents_.emplace(
          api, kube::Resource{.version = "v1", .plural = "pods", .ns = settings_.agent_namespace},
          kube::WatchSettings{.label_selector = settings_.agent_selector, .trim = trim_to_identity},
          agent_events_);
      ++unsynced_;
      agents_->start();
    }
    nodes_.start();
    slices_.start();
    for (unsigned worker = 0; worker < settings_.workers; ++worker) {
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }

  ~Implementation() {
    // Before anything that their calls use goes.
    if (agents_) agents_->stop();
    nodes_.stop();
    slices_.stop();
    for (std::jthread& worker : workers_) worker.request_stop();
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  Implementation(Implementation&&) = delete;
  Implementation& operator=(Implementation&&) = delete;

  [[nodiscard]] bool up_to_date() const {
    const std::lock_guard lock(mutex_);
    return unsynced_ == 0 && queue_.empty() && working_ == 0;
  }

 private:
  /// All that is known of a node. It is the mutex's, but the worker that has the node publishes
  /// without.
  struct Node {
    std::string uid;                          ///< of its Node; empty: there is none
    std::map<std::string, json> slices = {};  ///< summaries, by name
    std::set<std::string> agents = {};        ///< names of pods
    std::optional<Time> due = {};
    bool in_work = false;
    milliseconds backoff{0};
    std::unique_ptr<Publisher> publisher = {};  ///< from the first pass on
  };

  // ---- News: the watches' threads ----

  void node_changed(const json& node, bool deleted) {
    const std::lock_guard lock(mutex_);
    const std::string name = text_at(node, {"metadata", "name"});
    std::string uid = deleted ? "" : text_at(node, {"metadata", "uid"});
    Node& known = nodes_by_name_[name];
    if (known.uid == uid) return;  // its status changes all the time
    known.uid = std::move(uid);
    if (!known.uid.empty()) make_due(name, known, milliseconds(0));
    forget_unless_known(name);
  }

  void slice_changed(const json& slice, bool deleted) {
    const std::lock_guard lock(mutex_);
    const std::string name = text_at(slice, {"spec", "nodeName"});
    if (name.empty()) return;
    Node& node = nodes_by_name_[name];
    const std::string slice_name = text_at(slice, {"metadata", "name"});
    const bool was_served = is_served(node);
    if (deleted) {
      node.slices.erase(slice_name);
    } else {
      node.slices[slice_name] = slice;
    }
    if (was_served && !is_served(node)) make_due(name, node, settings_.grace);
    // Before the first pass over the node nothing is news: that will see it.
    if (node.publisher && node.publisher->saw(slice, deleted)) {
      make_due(name, node, settings_.repair_delay);
    }
    forget_unless_known(name);
  }

  void agent_changed(const json& pod, bool deleted) {
    const std::lock_guard lock(mutex_);
    const std::string name = text_at(pod, {"spec", "nodeName"});
    if (name.empty()) return;  // not scheduled yet
    Node& node = nodes_by_name_[name];
    const std::string pod_name = text_at(pod, {"metadata", "name"});
    if (!deleted) {
      node.agents.insert(pod_name);
    } else if (node.agents.erase(pod_name) != 0 && node.agents.empty()) {
      make_due(name, node, settings_.grace);
    }
    forget_unless_known(name);
  }

  void synced() {
    const std::lock_guard lock(mutex_);
    if (--unsynced_ > 0) return;
    note_change();
    for (auto& [name, node] : nodes_by_name_) make_due(name, node, milliseconds(0));
  }

  /// Needs the mutex.
  void forget_unless_known(const std::string& name) {
    const auto found = nodes_by_name_.find(name);
    const Node& node = found->second;
    if (node.due || node.in_work) return;
    if (node.uid.empty() && node.slices.empty() && node.agents.empty()) nodes_by_name_.erase(found);
  }

  /// Needs the mutex. Wakes all workers: each waits for the time that was the next when it began.
  void note_change() {
    ++changes_;
    changed_.notify_all();
  }

  /// Needs the mutex. An earlier time is as good.
  void make_due(const std::string& name, Node& node, milliseconds delay) {
    const Time time = steady_clock::now() + delay;
    if (node.due && *node.due <= time) return;
    if (node.due) queue_.erase({*node.due, name});
    node.due = time;
    queue_.emplace(time, name);
    note_change();
  }

  // ---- Work: the workers' threads ----

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto next = next_due();
      if (!next) {
        wait(lock, stop);
        continue;
      }
      Node& node = nodes_by_name_.at(*next);
      queue_.erase({*node.due, *next});
      node.due.reset();
      node.in_work = true;
      ++working_;
      pass(*next, node, lock, stop);
      --working_;
      node.in_work = false;
      forget_unless_known(*next);
      note_change();
    }
  }

  /// Needs the mutex. The node that is to be looked at now.
  [[nodiscard]] std::optional<std::string> next_due() const {
    if (unsynced_ > 0) return std::nullopt;
    const Time now = steady_clock::now();
    for (const auto& [time, name] : queue_) {
      if (time > now) break;
      if (!nodes_by_name_.at(name).in_work) return name;
    }
    return std::nullopt;
  }

  void wait(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    const auto changed = [this, seen = changes_] { return changes_ != seen; };
    const Time now = steady_clock::now();
    const auto next =
        std::ranges::find_if(queue_, [&](const auto& one) { return one.first > now; });
    if (unsynced_ > 0 || next == queue_.end()) {
      changed_.wait(lock, stop, changed);  // what is due is in work, and its worker will call
    } else {
      const Time time = next->first;  // the entry may go meanwhile
      changed_.wait_until(lock, stop, time, changed);
    }
  }

  /// Brings one node's slices in line. Holds the mutex at its begin and its end.
  void pass(const std::string& name, Node& node, std::unique_lock<std::mutex>& lock,
            const std::stop_token& stop) {
    if (node.uid.empty() || is_served(node)) return;
    const std::string uid = node.uid;
    const auto slices = node.slices;
    if (!node.publisher) node.publisher = make_publisher(name, slices);
    lock.unlock();
    auto devices = settings_.devices_of(NodeName(name));
    Result<Published> done;
    if (devices || has_simulated(slices)) {
      const auto pools = make_pools(devices.value_or(std::vector<discovery::Device>{}),
                                    slice_settings(name), settings_.features);
      if (!is_right(slices, pools)) done = publish(uid, *node.publisher, slices, pools, stop);
    }
    if (!stop.stop_requested()) report(name, done);
    lock.lock();
    if (done) {
      node.backoff = milliseconds(0);
      if (done->overtaken) make_due(name, node, settings_.repair_delay);
    } else if (!stop.stop_requested()) {
      node.backoff = std::clamp(node.backoff * 2, settings_.first_backoff, settings_.max_backoff);
      make_due(name, node, node.backoff);
    }
  }

  /// By an agent. Where nobody says which pods are agents, slices without our label tell of one.
  [[nodiscard]] bool is_served(const Node& node) const {
    if (!settings_.agent_selector.empty()) return !node.agents.empty();
    return std::ranges::any_of(node.slices, [&](const auto& entry) {
      return !is_simulated(entry.second, settings_.publisher.driver);
    });
  }

  [[nodiscard]] bool has_simulated(const std::map<std::string, json>& slices) const {
    return std::ranges::any_of(slices, [&](const auto& entry) {
      return is_simulated(entry.second, settings_.publisher.driver);
    });
  }

  /// Whether the slices that are there say just what they should, by their summaries.
  [[nodiscard]] bool is_right(const std::map<std::string, json>& slices,
                              const std::vector<Pool>& pools) const {
    std::multiset<Summary> wanted;
    std::map<std::string, std::size_t> sizes;
    for (const Pool& pool : pools) {
      sizes[pool.name.text()] = pool.slices.size();
      for (const Slice& slice : pool.slices) {
        wanted.emplace(pool.name.text(),
                       content_digest(content_json(slice, settings_.publisher.api_version)));
      }
    }
    std::multiset<Summary> found;
    std::map<std::string, std::int64_t> generations;
    for (const auto& [name, slice] : slices) {
      const std::string pool = text_at(slice, {"spec", "pool", "name"});
      const auto generation = number_at(slice, {"spec", "pool", "generation"});
      if (generations.emplace(pool, generation).first->second != generation) return false;
      if (std::cmp_not_equal(number_at(slice, {"spec", "pool", "resourceSliceCount"}),
                             sizes[pool])) {
        return false;
      }
      if (!is_simulated(slice, settings_.publisher.driver)) return false;
      found.emplace(pool, text_at(slice, {"spec", "digest"}));
    }
    return found == wanted;
  }

  Result<Published> publish(const std::string& uid, Publisher& publisher,
                            const std::map<std::string, json>& slices,
                            const std::vector<Pool>& pools, const std::stop_token& stop) {
    // What a watch knows may be older than what the publisher has written.
    std::set<std::string> names = publisher.names();
    for (const auto& [slice, summary] : slices) names.insert(slice);
    KnownNode known{.uid = uid, .slices = {}};
    for (const std::string& slice : names) {
      auto object = api_.get(publisher.collection().named(slice), {.stop = stop});
      if (object) {
        known.slices.push_back(std::move(*object));
      } else if (!object.error().is(kube::reason::kNotFound)) {
        return std::unexpected(to_error(object.error()));
      }
    }
    return publisher.publish(pools, std::move(known), stop);
  }

  [[nodiscard]] std::unique_ptr<Publisher> make_publisher(
      const std::string& name, const std::map<std::string, json>& slices) const {
    PublisherSettings settings = settings_.publisher;
    settings.node = NodeName(name);
    settings.simulated = true;
    auto publisher = std::make_unique<Publisher>(api_, std::move(settings));
    std::vector<json> present;
    for (const auto& [slice, summary] : slices) present.push_back(summary);
    publisher->adopt(present);
    return publisher;
  }

  [[nodiscard]] SliceSettings slice_settings(const std::string& name) const {
    SliceSettings settings = settings_.slices;
    settings.node = NodeName(name);
    return settings;
  }

  void report(const std::string& name, const Result<Published>& done) const {
    if (!done) {
      log::error("node={}: publishing: {}", name, done.error().message);
    } else if (done->writes() > 0) {
      log::debug("node={}: published slices: {} created, {} updated, {} deleted", name,
                 done->created, done->updated, done->deleted);
    }
    if (settings_.on_pass && (!done || done->writes() > 0)) settings_.on_pass(done);
  }

  kube::Api& api_;
  SimulatedNodesSettings settings_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Node> nodes_by_name_;
  std::set<std::pair<Time, std::string>> queue_;  ///< nodes by when they are due
  std::uint64_t changes_ = 0;                     ///< of the queue and of who is at work
  unsigned working_ = 0;
  unsigned unsynced_ = 2;  ///< collections that are not listed yet
  Events node_events_{[this](const json& o, bool gone) { node_changed(o, gone); },
                      [this] { synced(); }};
  Events slice_events_{[this](const json& o, bool gone) { slice_changed(o, gone); },
                       [this] { synced(); }};
  Events agent_events_{[this](const json& o, bool gone) { agent_changed(o, gone); },
                       [this] { synced(); }};
  kube::Watch nodes_;
  kube::Watch slices_;
  std::optional<kube::Watch> agents_;
  std::vector<std::jthread> workers_;
};

SimulatedNodes::SimulatedNodes(kube::Api& api, SimulatedNodesSettings settings)
    : implementation_(std::make_unique<Implementation>(api, std::move(settings))) {}
SimulatedNodes::~SimulatedNodes() = default;

bool SimulatedNodes::up_to_date() const {
  return implementation_->up_to_date();
}

}  // namespace mockdev::dra
