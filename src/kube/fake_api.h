// SPDX-License-Identifier: Apache-2.0
// For tests only: an API server as an object store in memory, for all who use Api.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "kube/api.h"
#include "kube/json_access.h"

namespace mockdev::kube {

/// Knows resource versions, uids, generateName, conflicts, merge patches and watches. It knows no
/// schemas and only selectors of equal members and labels: "spec.nodeName=a,spec.driver=b".
/// Thread-safe.
class FakeApi final : public Api {
 public:
  using Json = nlohmann::json;
  /// One call, for tests that count or refuse: "create", the resource as it was named, the body.
  struct Call {
    std::string verb;
    Resource resource;
    Json body = {};
  };

  /// Called before each operation, without a lock. What it gives is the operation's outcome.
  std::function<std::optional<ApiError>(const Call&)> before = {};

  /// Changes what a write stores, as feature gates do. Called under the lock.
  std::function<void(Json&)> on_store = {};

  /// Answers to get_path.
  std::map<std::string, Json, std::less<>> paths = {};
  /// Answers to get_text.
  std::map<std::string, std::string, std::less<>> texts = {};

  [[nodiscard]] std::vector<Call> calls() const {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  /// How many calls of a verb there were.
  [[nodiscard]] std::size_t count(std::string_view verb) const {
    const std::scoped_lock lock(mutex_);
    std::size_t number = 0;
    for (const Call& call : calls_) number += call.verb == verb ? 1U : 0U;
    return number;
  }

  ApiResult<Json> get(const Resource& object, const CallLimits& limits = {}) override {
    if (auto error = begin({.verb = "get", .resource = object}, limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(path_of(object));
    if (found == objects_.end()) return missing("get", object);
    return found->second;
  }

  ApiResult<Json> list(const Resource& collection, const ListOptions& options = {},
                       const CallLimits& limits = {}) override {
    if (auto error = begin({.verb = "list", .resource = collection}, limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    Json items = Json::array();
    for (const auto& [path, object] : objects_) {
      if (is_in(collection, path) && matches(object, options)) {
        items.push_back(object);
        if (options.trim) options.trim(items.back());
      }
    }
    return Json{{"items", items}, {"metadata", {{"resourceVersion", std::to_string(version_)}}}};
  }

  ApiResult<Json> create(const Resource& collection, const Json& object,
                         const CallLimits& limits = {}) override {
    if (auto error = begin({.verb = "create", .resource = collection, .body = object}, limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    Json made = object;
    Json& metadata = made["metadata"];
    if (text_at(made, {"metadata", "name"}).empty()) {
      metadata["name"] =
          fmt::format("{}{:05}", text_at(made, {"metadata", "generateName"}), version_ + 1);
    }
    if (!collection.ns.empty()) metadata["namespace"] = collection.ns;
    const Resource name = collection.named(text_at(made, {"metadata", "name"}));
    if (objects_.contains(path_of(name))) {
      return refusal(409, reason::kAlreadyExists, "create", name, "already exists");
    }
    metadata["uid"] = fmt::format("00000000-0000-4000-8000-{:012}", version_ + 1);
    return store(name, std::move(made), WatchEvent::Type::added);
  }

  ApiResult<Json> update(const Resource& object, const Json& content,
                         const CallLimits& limits = {}) override {
    if (auto error = begin({.verb = "update", .resource = object, .body = content}, limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(path_of(object));
    if (found == objects_.end()) return missing("update", object);
    return replace("update", object, found->second, content);
  }

  ApiResult<Json> update_status(const Resource& object, const Json& content,
                                const CallLimits& limits = {}) override {
    if (auto error =
            begin({.verb = "update_status", .resource = object, .body = content}, limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(path_of(object));
    if (found == objects_.end()) return missing("update", object);
    Json changed = found->second;
    if (const Json* status = member(content, {"status"})) changed["status"] = *status;
    changed["metadata"]["resourceVersion"] = text_at(content, {"metadata", "resourceVersion"});
    return replace("update", object, found->second, changed);
  }

  ApiResult<Json> patch(const Resource& object, const Json& content,
                        const PatchOptions& options = {}, const CallLimits& limits = {}) override {
    if (auto error = begin({.verb = "patch", .resource = object, .body = content}, limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(path_of(object));
    if (found == objects_.end()) return missing("patch", object);
    Json changed = found->second;
    if (options.type == PatchType::json) {
      changed = changed.patch(content);
    } else {
      changed.merge_patch(content);
    }
    return replace("patch", object, found->second, changed);
  }

  ApiResult<void> remove(const Resource& object, const Preconditions& preconditions = {},
                         const CallLimits& limits = {}) override {
    if (auto error = begin({.verb = "delete", .resource = object}, limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(path_of(object));
    if (found == objects_.end()) return std::unexpected(missing("delete", object).error());
    const auto differs = [&](const std::string& wanted, const char* member_name) {
      return !wanted.empty() && wanted != text_at(found->second, {"metadata", member_name});
    };
    if (differs(preconditions.uid, "uid") ||
        differs(preconditions.resource_version, "resourceVersion")) {
      return std::unexpected(
          refusal(409, reason::kConflict, "delete", object, "precondition failed").error());
    }
    Json last = std::move(found->second);
    objects_.erase(found);
    last["metadata"]["resourceVersion"] = std::to_string(++version_);
    publish(path_of(object), WatchEvent::Type::deleted, last);
    return {};
  }

  ApiResult<void> watch(const Resource& collection, const WatchOptions& options,
                        const std::function<void(WatchEvent&&)>& on_event,
                        const CallLimits& limits = {}) override {
    // Before the call can be counted: who ends the watches that he has seen means this one, too.
    const std::uint64_t generation = watch_generation();
    if (auto error = begin({.verb = "watch", .resource = collection}, limits)) {
      return std::unexpected(*error);
    }
    const std::int64_t from =
        options.resource_version.empty() ? 0 : std::stoll(options.resource_version);
    std::size_t next = 0;
    while (true) {
      std::unique_lock lock(mutex_);
      news_.wait(lock, limits.stop,
                 [&] { return next < history_.size() || generation != generation_; });
      if (limits.stop.stop_requested()) {
        return std::unexpected(
            refusal(0, reason::kCancelled, "watch", collection, "stopped").error());
      }
      if (generation != generation_) return std::exchange(watch_end_, {});
      const Past past = history_[next++];
      lock.unlock();
      if (past.version > from && is_in(collection, past.path) &&
          matches(past.event.object, options)) {
        on_event(WatchEvent(past.event));
      }
    }
  }

  ApiResult<Json> get_path(std::string_view path, const CallLimits& limits = {}) override {
    return answer_of(paths, path, limits);
  }

  ApiResult<std::string> get_text(std::string_view path, const CallLimits& limits = {}) override {
    return answer_of(texts, path, limits);
  }

  /// Ends all watches that run now, with an error or as if their time were over.
  void end_watches(ApiResult<void> with = {}) {
    {
      const std::scoped_lock lock(mutex_);
      ++generation_;
      watch_end_ = std::move(with);
    }
    news_.notify_all();
  }

  /// Forgets what happened, as an API server does: later watches don't get it.
  void forget_history() {
    const std::scoped_lock lock(mutex_);
    history_.clear();
  }

 private:
  /// What happened to an object.
  struct Past {
    std::int64_t version;
    std::string path;
    WatchEvent event;
  };

  template <typename Content>
  ApiResult<Content> answer_of(const std::map<std::string, Content, std::less<>>& answers,
                               std::string_view path, const CallLimits& limits) {
    if (auto error = begin(
            {.verb = "get", .resource = {.version = "", .plural = "", .name = std::string(path)}},
            limits)) {
      return std::unexpected(*error);
    }
    const std::scoped_lock lock(mutex_);
    const auto found = answers.find(path);
    if (found != answers.end()) return found->second;
    return std::unexpected(ApiError{.status = 404,
                                    .reason = std::string(reason::kNotFound),
                                    .message = fmt::format("get {}: not found", path)});
  }

  std::optional<ApiError> begin(Call call, const CallLimits& limits) {
    {
      const std::scoped_lock lock(mutex_);
      calls_.push_back(call);
    }
    if (limits.stop.stop_requested()) {
      return refusal(0, reason::kCancelled, call.verb, call.resource, "stopped").error();
    }
    return before ? before(call) : std::nullopt;
  }

  [[nodiscard]] std::uint64_t watch_generation() const {
    const std::scoped_lock lock(mutex_);
    return generation_;
  }

  static std::unexpected<ApiError> refusal(int status, std::string_view why, std::string_view verb,
                                           const Resource& resource, std::string_view text) {
    return std::unexpected(
        ApiError{.status = status,
                 .reason = std::string(why),
                 .message = fmt::format("{} {}: {}", verb, to_string(resource), text)});
  }
  static ApiResult<Json> missing(std::string_view verb, const Resource& object) {
    return refusal(404, reason::kNotFound, verb, object, "not found");
  }

  /// Whether an object's path is in a collection, of one namespace or of all.
  static bool is_in(const Resource& collection, const std::string& path) {
    if (path.starts_with(path_of(collection.named({})) + "/")) return true;
    const std::string parent = path.substr(0, path.rfind('/'));
    const std::string root =
        path_of({.group = collection.group, .version = collection.version, .plural = {}});
    return collection.ns.empty() && parent.starts_with(root + "namespaces/") &&
           parent.ends_with("/" + collection.plural);
  }

  /// For lists and watches alike.
  static bool matches(const Json& object, const auto& options) {
    const auto at_path = [&](std::string_view path) {
      const Json* at = &object;
      while (at != nullptr && !path.empty()) {
        const std::string_view step = path.substr(0, path.find('.'));
        at = member(*at, {step});
        path.remove_prefix(std::min(path.size(), step.size() + 1));
      }
      return at;
    };
    const auto label = [&](std::string_view key) {
      return member(object, {"metadata", "labels", key});
    };
    return all_equal(options.field_selector, at_path) && all_equal(options.label_selector, label);
  }

  /// Whether `value_of` has for the left side of each "left=right" what is on the right.
  static bool all_equal(std::string_view selector, const auto& value_of) {
    while (!selector.empty()) {
      const std::string_view term = selector.substr(0, selector.find(','));
      selector.remove_prefix(std::min(selector.size(), term.size() + 1));
      const auto equals = term.find('=');
      const Json* const value = value_of(term.substr(0, equals));
      const std::string text =
          value != nullptr && value->is_string() ? value->get<std::string>() : "";
      if (text != term.substr(equals + 1)) return false;
    }
    return true;
  }

  ApiResult<Json> replace(std::string_view verb, const Resource& name, const Json& old,
                          Json content) {
    const std::string expected = text_at(content, {"metadata", "resourceVersion"});
    if (!expected.empty() && expected != text_at(old, {"metadata", "resourceVersion"})) {
      return refusal(409, reason::kConflict, verb, name, "the object has been modified");
    }
    content["metadata"]["uid"] = old["metadata"]["uid"];
    content["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"];
    if (content == old) return old;
    return store(name, std::move(content), WatchEvent::Type::modified);
  }

  Json store(const Resource& name, Json object, WatchEvent::Type type) {
    if (on_store) on_store(object);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    objects_[path_of(name)] = object;
    publish(path_of(name), type, object);
    return object;
  }

  void publish(const std::string& path, WatchEvent::Type type, const Json& object) {
    history_.push_back(
        {.version = version_, .path = path, .event = {.type = type, .object = object}});
    news_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable_any news_;
  std::map<std::string, Json> objects_;  // by path
  std::vector<Past> history_;
  std::vector<Call> calls_;
  std::int64_t version_ = 0;
  std::uint64_t generation_ = 0;
  ApiResult<void> watch_end_;
};

}  // namespace mockdev::kube
