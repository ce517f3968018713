// SPDX-License-Identifier: Apache-2.0
#include "kube/watch.h"

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/log.h"
#include "kube/json_access.h"
#include "kube/pause.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;

/// A watch that ends sooner did not do its work, and the next one has to wait.
constexpr std::chrono::seconds kShortWatch{1};

/// Failures that the server itself reports for a watch, in a row, after which the place to go on
/// from is given up: it may be one that this server never had, as after etcd's restore.
constexpr int kRefusalsUntilList = 2;

std::string version_of(const json& object) {
  return text_at(object, {"metadata", "resourceVersion"});
}

std::string uid_of(const json& object) {
  return text_at(object, {"metadata", "uid"});
}

/// Whether the fault may lie in where the watch goes on from, rather than in the connection.
bool is_refusal(const ApiError& error) {
  return error.status != 0 || error.is(reason::kBadReply);
}

}  // namespace

std::string key_of(const json& object) {
  const std::string ns = text_at(object, {"metadata", "namespace"});
  const std::string name = text_at(object, {"metadata", "name"});
  return ns.empty() ? name : ns + "/" + name;
}

class Watch::Implementation {
 public:
  Implementation(Api& api, Resource collection, WatchSettings settings, WatchHandler& handler)
      : api_(api),
        collection_(std::move(collection)),
        settings_(std::move(settings)),
        handler_(handler),
        backoff_(settings_.first_backoff, settings_.max_backoff) {}

  void start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] bool has_synced() const {
    const std::scoped_lock lock(mutex_);
    return statistics_.lists > 0;
  }

  [[nodiscard]] Object find(std::string_view key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = store_.find(key);
    return found == store_.end() ? nullptr : found->second;
  }

  [[nodiscard]] std::vector<Object> objects() const {
    const std::scoped_lock lock(mutex_);
    std::vector<Object> all;
    all.reserve(store_.size());
    for (const auto& [key, object] : store_) all.push_back(object);
    return all;
  }

  [[nodiscard]] WatchStatistics statistics() const {
    const std::scoped_lock lock(mutex_);
    return statistics_;
  }

 private:
  using Store = std::map<std::string, Object, std::less<>>;

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto begun = Clock::now();
      const bool listing = resume_from_.empty();
      const auto done = listing ? list(stop) : watch(stop);
      if (stop.stop_requested()) return;
      if (!done) {
        fail(done.error(), listing);
      } else if (listing || Clock::now() - begun >= kShortWatch) {
        succeed();
        continue;
      }
      if (!pause_for(backoff_.next(), stop)) return;
    }
  }

  void fail(const ApiError& error, bool listing) {
    if (!listing && error.is(reason::kExpired)) {
      resume_from_.clear();
    } else if (!listing && is_refusal(error) && ++refusals_ >= kRefusalsUntilList) {
      resume_from_.clear();
      refusals_ = 0;
    }
    count(&WatchStatistics::failures);
    // Once, not at each attempt of an outage.
    if (error.message != logged_) log::warn("{}; trying again", error.message);
    logged_ = error.message;
    handler_.failed(error);
  }

  void succeed() {
    backoff_.reset();
    refusals_ = 0;
    if (!logged_.empty()) log::info("watch {}: works again", to_string(collection_));
    logged_.clear();
  }

  void count(std::uint64_t WatchStatistics::* counter) {
    const std::scoped_lock lock(mutex_);
    ++(statistics_.*counter);
  }

  ApiResult<void> list(const std::stop_token& stop) {
    auto listed = api_.list(collection_,
                            {.label_selector = settings_.label_selector,
                             .field_selector = settings_.field_selector,
                             .page_size = settings_.page_size,
                             .trim = settings_.trim},
                            {.stop = stop});
    if (!listed) return std::unexpected(std::move(listed).error());
    std::string version = version_of(*listed);
    if (version.empty()) {
      return std::unexpected(ApiError{
          .reason = std::string(reason::kBadReply),
          .message = fmt::format("list {}: has no resourceVersion", to_string(collection_))});
    }
    json items = std::move((*listed)["items"]);
    if (!items.is_array()) items = json::array();

    Store now;
    for (json& item : items) {
      std::string key = key_of(item);
      now.emplace(std::move(key), std::make_shared<const json>(std::move(item)));
    }
    remove_vanished(now, stop);
    for (const auto& [key, object] : now) {
      if (stop.stop_requested()) return {};
      put(key, object);
    }
    resume_from_ = std::move(version);
    const bool first = !has_synced();
    count(&WatchStatistics::lists);
    if (first) handler_.synced();
    return {};
  }

  void remove_vanished(const Store& now, const std::stop_token& stop) {
    for (const Object& known : objects()) {
      if (stop.stop_requested()) return;
      const std::string key = key_of(*known);
      if (!now.contains(key)) take_out(key, *known);
    }
  }

  ApiResult<void> watch(const std::stop_token& stop) {
    count(&WatchStatistics::watches);
    const std::chrono::duration<double> lasting = settings_.timeout * random_factor(1.0, 2.0);
    return api_.watch(collection_,
                      {.label_selector = settings_.label_selector,
                       .field_selector = settings_.field_selector,
                       .resource_version = resume_from_,
                       .timeout = std::chrono::ceil<std::chrono::seconds>(lasting)},
                      [&](WatchEvent&& event) {
                        if (!stop.stop_requested()) apply(std::move(event));
                      },
                      {.stop = stop});
  }

  void apply(WatchEvent event) {
    std::string version = version_of(event.object);
    if (!version.empty()) resume_from_ = std::move(version);
    succeed();
    if (event.type == WatchEvent::Type::bookmark) return;
    count(&WatchStatistics::events);
    if (settings_.trim) settings_.trim(event.object);
    const std::string key = key_of(event.object);
    if (event.type == WatchEvent::Type::deleted) {
      if (find(key) != nullptr) take_out(key, event.object);
    } else {
      put(key, std::make_shared<const json>(std::move(event.object)));
    }
  }

  void put(const std::string& key, const Object& object) {
    Object known = find(key);
    if (known != nullptr && uid_of(*known) != uid_of(*object)) {
      take_out(key, *known);
      known = nullptr;
    }
    if (known != nullptr && version_of(*known) == version_of(*object)) return;
    {
      const std::scoped_lock lock(mutex_);
      store_[key] = object;
    }
    known == nullptr ? handler_.added(*object) : handler_.modified(*object);
  }

  void take_out(const std::string& key, const json& last) {
    {
      const std::scoped_lock lock(mutex_);
      store_.erase(key);
    }
    handler_.deleted(last);
  }

  Api& api_;
  const Resource collection_;
  const WatchSettings settings_;
  WatchHandler& handler_;

  // The watch's thread's own.
  std::string resume_from_;  // resource version; empty: list first
  Backoff backoff_;
  int refusals_ = 0;
  std::string logged_;  // the failure that was last logged, while it lasts

  mutable std::mutex mutex_;
  Store store_;
  WatchStatistics statistics_;
  std::jthread thread_;  // last: ends before what it uses
};

Watch::Watch(Api& api, Resource collection, WatchSettings settings, WatchHandler& handler)
    : implementation_(std::make_unique<Implementation>(api, std::move(collection),
                                                       std::move(settings), handler)) {}

Watch::~Watch() = default;

void Watch::start() {
  implementation_->start();
}

void Watch::stop() {
  implementation_->stop();
}

bool Watch::has_synced() const {
  return implementation_->has_synced();
}

Watch::Object Watch::find(std::string_view key) const {
  return implementation_->find(key);
}

std::vector<Watch::Object> Watch::objects() const {
  return implementation_->objects();
}

WatchStatistics Watch::statistics() const {
  return implementation_->statistics();
}

}  // namespace mockdev::kube
