// SPDX-License-Identifier: Apache-2.0
// Events that `kubectl describe` shows, written in the background as events.k8s.io/v1.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "kube/api.h"

namespace mockdev::kube {

/// The object that an event is about.
struct ObjectReference {
  std::string api_version;  ///< "resource.k8s.io/v1"
  std::string kind;         ///< "ResourceClaim"
  std::string ns = {};      ///< empty: cluster-scoped; its events are in the namespace "default"
  std::string name;
  std::string uid = {};

  auto operator<=>(const ObjectReference&) const = default;
};

/// The reference to an object that has apiVersion, kind and metadata.
[[nodiscard]] ObjectReference reference_to(const nlohmann::json& object);

struct Event {
  enum class Type : std::uint8_t { normal, warning };

  ObjectReference regarding;
  Type type = Type::normal;
  std::string reason;  ///< why, in CamelCase, at most 128 bytes: "DeviceUnhealthy"
  std::string action;  ///< what was done, in CamelCase, at most 128 bytes: "Prepare"
  std::string note;    ///< for a person; cut after 1 KiB

  auto operator<=>(const Event&) const = default;
};

struct EventSettings {
  std::string controller;   ///< who reports: "mock-accel.example.com"
  std::string instance;     ///< which one of them: node or pod name
  std::size_t queue = 256;  ///< events that wait; when there are more, the oldest are dropped
  double qps = 1;           ///< requests a second in the long run; 0: no limit
  int burst = 25;
  /// The same event again is counted into the one that is there, which is written at most once in
  /// `series_pause`; after `series_end` without another one it begins anew.
  std::chrono::milliseconds series_pause{30000};
  std::chrono::milliseconds series_end{360000};
};

/// Writes events. Failures are logged and forgotten: an event is never worth an error.
class EventRecorder {
 public:
  /// Begins its thread. `api` stays alive until the recorder is destroyed.
  EventRecorder(Api& api, EventSettings settings);
  /// What waits is given up.
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;
  EventRecorder(EventRecorder&&) = delete;
  EventRecorder& operator=(EventRecorder&&) = delete;

  /// Never waits for the API server. Any thread.
  void record(Event event);

  [[nodiscard]] std::uint64_t dropped() const;  ///< for want of room. Any thread

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::kube
