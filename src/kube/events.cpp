// SPDX-License-Identifier: Apache-2.0
#include "kube/events.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "kube/json_access.h"
#include "kube/pause.h"
#include "kube/time.h"
#include "kube/token_bucket.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using WallClock = std::chrono::system_clock;

/// The API server refuses a longer note.
constexpr std::size_t kMaxNote = 1024;
/// So are longer names of who reports.
constexpr std::size_t kMaxInstance = 128;
/// Bytes of the object's name that the event's name repeats: 253 are allowed in all.
constexpr std::size_t kMaxNamePart = 200;
/// Events that are remembered to be counted into, at most.
constexpr std::size_t kMaxSeries = 1024;
/// Where events of objects without a namespace are.
constexpr std::string_view kDefaultNamespace = "default";
/// Without anything to do, the thread looks around this often.
constexpr std::chrono::hours kIdle{1};

/// `text` without what is beyond `limit` bytes, and without half a UTF-8 character at its end.
std::string cut(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0U) == 0x80U) --limit;
  text.resize(limit);
  return text;
}

/// An event that was written, and how often it was seen since.
struct Series {
  Resource written;
  std::int64_t count = 1;
  WallClock::time_point last_seen;
  Clock::time_point last_seen_steady;
  Clock::time_point last_write;
  bool dirty = false;  ///< seen again since it was written
};

}  // namespace

ObjectReference reference_to(const json& object) {
  return {.api_version = text_at(object, {"apiVersion"}),
          .kind = text_at(object, {"kind"}),
          .ns = text_at(object, {"metadata", "namespace"}),
          .name = text_at(object, {"metadata", "name"}),
          .uid = text_at(object, {"metadata", "uid"})};
}

class EventRecorder::Implementation {
 public:
  Implementation(Api& api, EventSettings settings)
      : api_(api),
        settings_(std::move(settings)),
        limit_(settings_.qps, settings_.burst),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void record(Event event) {
    event.note = cut(std::move(event.note), kMaxNote);
    {
      const std::scoped_lock lock(mutex_);
      if (queue_.size() >= std::max<std::size_t>(settings_.queue, 1)) {
        queue_.pop_front();
        ++dropped_;
      }
      queue_.push_back({.event = std::move(event), .seen = WallClock::now()});
    }
    news_.notify_one();
  }

  [[nodiscard]] std::uint64_t dropped() const {
    const std::scoped_lock lock(mutex_);
    return dropped_;
  }

 private:
  struct Waiting {
    Event event;
    WallClock::time_point seen;
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (auto next = take(next_write(), stop)) {
        see(*next, stop);
      }
      write_series(stop);
    }
  }

  std::optional<Waiting> take(Clock::time_point until, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    news_.wait_until(lock, stop, until, [this] { return !queue_.empty(); });
    if (queue_.empty()) return std::nullopt;
    Waiting next = std::move(queue_.front());
    queue_.pop_front();
    return next;
  }

  /// When the first series is due.
  [[nodiscard]] Clock::time_point next_write() const {
    auto next = Clock::now() + kIdle;
    for (const auto& [event, series] : series_) {
      if (series.dirty) next = std::min(next, series.last_write + settings_.series_pause);
    }
    return next;
  }

  void see(const Waiting& waiting, const std::stop_token& stop) {
    const auto now = Clock::now();
    const auto found = series_.find(waiting.event);
    if (found != series_.end() && now - found->second.last_seen_steady < settings_.series_end) {
      Series& series = found->second;
      ++series.count;
      series.last_seen = waiting.seen;
      series.last_seen_steady = now;
      series.dirty = true;
      return;
    }
    if (found != series_.end()) series_.erase(found);
    create(waiting, stop);
  }

  void create(const Waiting& waiting, const std::stop_token& stop) {
    if (!wait_turn(stop)) return;
    const json object = object_of(waiting);
    const Resource collection{.group = "events.k8s.io",
                              .version = "v1",
                              .plural = "events",
                              .ns = text_at(object, {"metadata", "namespace"})};
    const auto created = api_.create(collection, object, {.stop = stop});
    if (!created) return lament(created.error());
    forget_old();
    const auto now = Clock::now();
    series_[waiting.event] = {.written = collection.named(text_at(object, {"metadata", "name"})),
                              .last_seen = waiting.seen,
                              .last_seen_steady = now,
                              .last_write = now};
  }

  void write_series(const std::stop_token& stop) {
    const auto now = Clock::now();
    for (auto& [event, series] : series_) {
      if (!series.dirty || now < series.last_write + settings_.series_pause) continue;
      if (!wait_turn(stop)) return;
      series.dirty = false;
      series.last_write = Clock::now();
      const auto patched = api_.patch(
          series.written,
          {{"series",
            {{"count", series.count}, {"lastObservedTime", micro_time(series.last_seen)}}}},
          {}, {.stop = stop});
      // The server removes events after an hour. The next one like it makes it again.
      if (!patched && patched.error().is(reason::kNotFound)) series.last_seen_steady = {};
      if (!patched) lament(patched.error());
    }
  }

  bool wait_turn(const std::stop_token& stop) {
    const auto wait = limit_.take();
    return wait && pause_for(*wait, stop);
  }

  /// Series that are over, and if there still are too many, the one that is quiet for longest.
  void forget_old() {
    const auto end = Clock::now() - settings_.series_end;
    std::erase_if(series_, [&](const auto& entry) {
      return !entry.second.dirty && entry.second.last_seen_steady < end;
    });
    if (series_.size() < kMaxSeries) return;
    series_.erase(std::ranges::min_element(
        series_, {}, [](const auto& entry) { return entry.second.last_seen_steady; }));
  }

  [[nodiscard]] json object_of(const Waiting& waiting) const {
    const Event& event = waiting.event;
    const ObjectReference& about = event.regarding;
    const std::string ns = about.ns.empty() ? std::string(kDefaultNamespace) : about.ns;
    json regarding = {
        {"apiVersion", about.api_version}, {"kind", about.kind}, {"name", about.name}};
    if (!about.ns.empty()) regarding["namespace"] = about.ns;
    if (!about.uid.empty()) regarding["uid"] = about.uid;
    return {{"apiVersion", "events.k8s.io/v1"},
            {"kind", "Event"},
            {"metadata", {{"name", name_of(waiting)}, {"namespace", ns}}},
            {"eventTime", micro_time(waiting.seen)},
            {"reportingController", settings_.controller},
            {"reportingInstance", cut(settings_.instance, kMaxInstance)},
            {"action", event.action},
            {"reason", event.reason},
            {"regarding", regarding},
            {"note", event.note},
            {"type", event.type == Event::Type::warning ? "Warning" : "Normal"}};
  }

  /// The object's name and a number that no other event of it has.
  static std::string name_of(const Waiting& waiting) {
    std::string part = waiting.event.regarding.name.substr(0, kMaxNamePart);
    while (part.ends_with('.') || part.ends_with('-')) part.pop_back();
    const auto since_epoch = std::chrono::nanoseconds(waiting.seen.time_since_epoch());
    return fmt::format("{}.{:x}", part, since_epoch.count());
  }

  static void lament(const ApiError& error) {
    if (!error.is(reason::kCancelled)) log::warn("event not recorded: {}", error.message);
  }

  Api& api_;
  const EventSettings settings_;
  TokenBucket limit_;

  std::map<Event, Series> series_;  // the thread's own

  mutable std::mutex mutex_;
  std::condition_variable_any news_;
  std::deque<Waiting> queue_;
  std::uint64_t dropped_ = 0;
  std::jthread thread_;  // last: ends before what it uses
};

EventRecorder::EventRecorder(Api& api, EventSettings settings)
    : implementation_(std::make_unique<Implementation>(api, std::move(settings))) {}

EventRecorder::~EventRecorder() = default;

void EventRecorder::record(Event event) {
  implementation_->record(std::move(event));
}

std::uint64_t EventRecorder::dropped() const {
  return implementation_->dropped();
}

}  // namespace mockdev::kube
