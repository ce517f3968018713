// SPDX-License-Identifier: Apache-2.0
#include "dra/slice_keeper.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/log.h"
#include "dra/trim.h"
#include "kube/watch.h"

namespace mockdev::dra {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class SliceKeeper::Implementation final : private kube::WatchHandler {
 public:
  Implementation(kube::Api& api, SliceKeeperSettings settings)
      : settings_(std::move(settings)),
        publisher_(api, settings_.publisher),
        watch_(api, publisher_.collection(),
               {.field_selector = publisher_.field_selector(), .trim = trim_to_identity}, *this) {
    watch_.start();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  ~Implementation() override {
    watch_.stop();  // before anything that its calls use goes
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  Implementation(Implementation&&) = delete;
  Implementation& operator=(Implementation&&) = delete;

  void set_devices(std::vector<discovery::Device> devices) {
    const std::lock_guard lock(mutex_);
    // Most looks at the devices find nothing that is published: a temperature, say.
    if (devices_ && pools(devices) == pools(*devices_)) return;
    devices_ = std::move(devices);
    ++wanted_;
    due_ = steady_clock::now();
    changed_.notify_all();
  }

  [[nodiscard]] bool up_to_date() const {
    const std::lock_guard lock(mutex_);
    return wanted_ > 0 && published_ == wanted_;
  }

 private:
  void added(const nlohmann::json& slice) override { seen(slice, false); }
  void modified(const nlohmann::json& slice) override { seen(slice, false); }
  void deleted(const nlohmann::json& slice) override { seen(slice, true); }
  void failed(const kube::ApiError& error) override {
    log::warn("{}", error.message);
    if (settings_.on_watch_failure) settings_.on_watch_failure();
  }

  void seen(const nlohmann::json& slice, bool deleted) {
    if (!publisher_.saw(slice, deleted)) return;
    const std::lock_guard lock(mutex_);
    if (devices_) make_due(settings_.repair_delay);
  }

  /// Needs the mutex, for the features.
  [[nodiscard]] std::vector<Pool> pools(const std::vector<discovery::Device>& devices) const {
    return make_pools(devices, settings_.slices, settings_.features);
  }

  /// Needs the mutex. An earlier pass is as good.
  void make_due(milliseconds delay) {
    const auto time = steady_clock::now() + delay;
    due_ = std::min(due_.value_or(time), time);
    changed_.notify_all();
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (wait_until_due(lock, stop)) {
      due_.reset();
      const auto wanted_pools = pools(*devices_);
      const std::uint64_t wanted = wanted_;
      lock.unlock();
      const auto done = publisher_.publish_changes(wanted_pools, stop);
      if (!stop.stop_requested()) report(done);
      lock.lock();
      conclude(done, wanted);
    }
  }

  /// False: it is over.
  bool wait_until_due(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (due_ && *due_ <= steady_clock::now()) return true;
      if (due_) {
        const auto time = *due_;
        changed_.wait_until(lock, stop, time, [&] { return due_ != time; });
      } else {
        changed_.wait(lock, stop, [&] { return due_.has_value(); });
      }
    }
    return false;
  }

  void report(const Result<Published>& done) const {
    if (!done) {
      log::error("publishing: {}", done.error().message);
    } else if (done->writes() > 0) {
      log::info("published slices: {} created, {} updated, {} deleted", done->created,
                done->updated, done->deleted);
    }
    if (settings_.on_pass && (!done || done->writes() > 0)) settings_.on_pass(done);
  }

  void conclude(const Result<Published>& done, std::uint64_t wanted) {
    if (!done) {
      make_due(backoff_);
      backoff_ = std::min(backoff_ * 2, settings_.max_backoff);
      return;
    }
    backoff_ = settings_.first_backoff;
    if (done->overtaken) make_due(settings_.repair_delay);
    if (done->dropped.taints || done->dropped.counters) {
      if (done->dropped.taints) settings_.features.taints = false;
      if (done->dropped.counters) settings_.features.counters = CounterSupport::none;
      make_due(milliseconds(0));
      return;
    }
    published_ = wanted;
  }

  SliceKeeperSettings settings_;
  Publisher publisher_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<std::vector<discovery::Device>> devices_;
  std::optional<steady_clock::time_point> due_;  ///< of the next pass; none: nothing to do
  std::uint64_t wanted_ = 0;                     ///< counts calls of set_devices
  std::uint64_t published_ = 0;                  ///< the last of them that is on the server
  milliseconds backoff_ = settings_.first_backoff;
  kube::Watch watch_;
  std::jthread thread_;
};

SliceKeeper::SliceKeeper(kube::Api& api, SliceKeeperSettings settings)
    : implementation_(std::make_unique<Implementation>(api, std::move(settings))) {}
SliceKeeper::~SliceKeeper() = default;

void SliceKeeper::set_devices(std::vector<discovery::Device> devices) {
  implementation_->set_devices(std::move(devices));
}

bool SliceKeeper::up_to_date() const {
  return implementation_->up_to_date();
}

}  // namespace mockdev::dra
