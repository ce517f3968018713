// SPDX-License-Identifier: Apache-2.0
// One collection, kept up to date: listed, then watched, and listed again when that is needed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/api.h"

namespace mockdev::kube {

/// Who wants to know of changes. All calls come from the watch's own thread, one after the other,
/// after the store was changed; what they take long for delays the next event.
class WatchHandler {
 public:
  WatchHandler() = default;
  virtual ~WatchHandler() = default;
  WatchHandler(const WatchHandler&) = delete;
  WatchHandler& operator=(const WatchHandler&) = delete;
  WatchHandler(WatchHandler&&) = delete;
  WatchHandler& operator=(WatchHandler&&) = delete;

  virtual void added(const nlohmann::json& object) = 0;
  virtual void modified(const nlohmann::json& object) = 0;
  /// `object` is the last that is known of it. An object that was removed and made again under the
  /// same name while the watch was away is deleted and then added.
  virtual void deleted(const nlohmann::json& object) = 0;
  /// Once, when all objects of the first list were added.
  virtual void synced() {}
  /// A list or watch failed and is tried again after a pause. The end of a watch whose time is
  /// over is no failure.
  virtual void failed(const ApiError& /*error*/) {}
};

struct WatchSettings {
  std::string label_selector = {};
  std::string field_selector = {};
  std::size_t page_size = 500;
  /// Takes from each object what nobody here reads, before it is kept or handed on. Metadata's
  /// name, namespace, uid and resourceVersion have to stay. May be empty.
  std::function<void(nlohmann::json& object)> trim = {};
  /// How long one watch request lasts, chosen anew between this and twice as long, so that
  /// thousands of nodes don't come back at the same moment.
  std::chrono::seconds timeout{300};
  std::chrono::milliseconds first_backoff{500};  ///< doubles with each failure in a row
  std::chrono::milliseconds max_backoff{30000};
};

struct WatchStatistics {
  std::uint64_t lists = 0;     ///< completed; more than 1: listed again
  std::uint64_t watches = 0;   ///< begun
  std::uint64_t failures = 0;  ///< of lists and watches
  std::uint64_t events = 0;    ///< without bookmarks
};

/// Lists and watches a collection on a thread of its own, between start() and stop().
class Watch {
 public:
  using Object = std::shared_ptr<const nlohmann::json>;

  /// `api` and `handler` stay alive until stop() has returned. Begins nothing.
  Watch(Api& api, Resource collection, WatchSettings settings, WatchHandler& handler);
  /// As stop().
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  Watch(Watch&&) = delete;
  Watch& operator=(Watch&&) = delete;

  /// Once at most.
  void start();
  /// Ends at once and waits for a call of the handler that runs. No call comes after it. Not to be
  /// called by the handler. May be called more than once.
  void stop();

  /// Whether the first list is complete. This and the following: any thread, any time.
  [[nodiscard]] bool has_synced() const;
  /// The object of that key, "name" or "namespace/name"; null: there is none.
  [[nodiscard]] Object find(std::string_view key) const;
  /// All objects, by key.
  [[nodiscard]] std::vector<Object> objects() const;
  [[nodiscard]] WatchStatistics statistics() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// The key of an object in a store: "name", or "namespace/name" if it has a namespace.
[[nodiscard]] std::string key_of(const nlohmann::json& object);

}  // namespace mockdev::kube
