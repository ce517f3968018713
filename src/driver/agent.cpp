// SPDX-License-Identifier: Apache-2.0
#include "driver/agent.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include <poll.h>

#include "base/log.h"
#include "discovery/accelerators.h"
#include "discovery/monitor.h"
#include "dra/absentees.h"
#include "dra/claim_events.h"
#include "dra/claim_service.h"
#include "dra/health.h"
#include "dra/kubelet_plugin.h"
#include "dra/prepare.h"
#include "dra/slice_keeper.h"
#include "dra/status_keeper.h"
#include "driver/cluster.h"
#include "driver/doctor.h"
#include "driver/inventory_feed.h"
#include "driver/metrics.h"
#include "driver/partitioner.h"
#include "driver/probes.h"

namespace mockdev::driver {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// ---- What each part is told ----

dra::SliceSettings slice_settings(const AgentSettings& settings) {
  auto slices = slice_settings(settings.common, settings.attributes);
  slices.node = settings.node;
  slices.short_pool_names = settings.short_pool_names;
  return slices;
}

std::optional<dra::MetadataFolder> metadata_folder(const AgentSettings& settings) {
  if (!settings.device_metadata) return std::nullopt;
  return dra::MetadataFolder(
      settings.plugins_folder / settings.common.driver.text() / "dra-device-metadata",
      slice_settings(settings));
}

dra::SliceKeeperSettings keeper_settings(const AgentSettings& settings, const Server& server) {
  dra::SliceKeeperSettings keeper{.publisher = {.driver = settings.common.driver,
                                                .node = settings.node,
                                                .api_version = server.api_version,
                                                .ordered_names = server.orders_by_name()},
                                  .slices = slice_settings(settings),
                                  .features = dra::slice_features(server.api_version, server.minor),
                                  .repair_delay = settings.repair_delay};
  if (!settings.shared_counters) keeper.features.counters = dra::CounterSupport::none;
  return keeper;
}

bool claims_get_status(const AgentSettings& settings, const Server& server) {
  constexpr int kFirstWithStatus = 32;
  if (!settings.claim_status || server.minor >= kFirstWithStatus) return settings.claim_status;
  log::warn("claims get no status of their devices: an API server 1.{} has no field for it",
            server.minor);
  return false;
}

std::vector<std::unique_ptr<dra::ClaimFollower>> claim_followers(kube::Api& api,
                                                                 const AgentSettings& settings,
                                                                 const Server& server) {
  std::vector<std::unique_ptr<dra::ClaimFollower>> followers;
  const dra::DriverName& driver = settings.common.driver;
  if (claims_get_status(settings, server)) {
    followers.push_back(
        dra::make_status_keeper(api, {.driver = driver, .api_version = server.api_version}));
  }
  if (settings.claim_events) {
    followers.push_back(dra::make_claim_events(
        api, {.driver = driver, .node = settings.node, .api_version = server.api_version}));
  }
  return followers;
}

dra::KubeletPluginSettings plugin_settings(const AgentSettings& settings, int kubelet_minor) {
  return {.driver = settings.common.driver,
          .registry_folder = settings.registry_folder,
          .plugins_folder = settings.plugins_folder,
          .pod_uid = settings.rolling_update ? settings.pod_uid : "",
          .kubelet_minor = kubelet_minor};
}

// ---- Parts ----

/// Counts what passes through.
class MeasuredHandler final : public dra::ClaimHandler {
 public:
  MeasuredHandler(dra::ClaimHandler& handler, Metrics& metrics)
      : handler_(handler), metrics_(metrics) {}

  std::vector<Prepared> prepare(const std::vector<dra::ClaimReference>& claims,
                                const GivenUp& given_up) override {
    return measured<std::vector<Prepared>>("prepare",
                                           [&] { return handler_.prepare(claims, given_up); });
  }
  std::vector<Result<void>> unprepare(const std::vector<dra::ClaimReference>& claims) override {
    return measured<std::vector<Result<void>>>("unprepare",
                                               [&] { return handler_.unprepare(claims); });
  }

 private:
  template <typename Results, typename Call>
  Results measured(std::string_view operation, const Call& call) {
    const auto start = steady_clock::now();
    Results results = call();
    const auto duration = steady_clock::now() - start;
    for (const auto& result : results) metrics_.claim(operation, result.has_value(), duration);
    return results;
  }

  dra::ClaimHandler& handler_;
  Metrics& metrics_;
};

/// Looks for what claims that are gone have left, at once and then now and again.
std::jthread watch_for_orphans(dra::ClaimService& service, std::chrono::seconds pause) {
  return std::jthread([&service, pause](const std::stop_token& stop) {
    constexpr std::chrono::seconds kRetry{30};
    std::mutex mutex;
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      const auto removed = service.remove_orphans(stop);
      if (!removed && !stop.stop_requested()) {
        log::warn("looking for claims that are gone: {}", removed.error().message);
      }
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, removed ? pause : std::min(pause, kRetry), [] { return false; });
    }
  });
}

/// What the probes see of a part that comes later than they do.
class Readiness {
 public:
  void begin(const dra::KubeletPlugin& plugin, const dra::SliceKeeper& keeper) {
    const std::lock_guard lock(mutex_);
    plugin_ = &plugin;
    keeper_ = &keeper;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    plugin_ = nullptr;
    keeper_ = nullptr;
  }

  /// Waiting for the API server is no reason to be killed.
  [[nodiscard]] Result<void> alive() const {
    const std::lock_guard lock(mutex_);
    return plugin_ == nullptr ? Result<void>() : plugin_->check();
  }
  [[nodiscard]] Result<void> ready() const {
    const std::lock_guard lock(mutex_);
    if (plugin_ == nullptr) return fail("the API server or this Node is not there yet");
    if (!plugin_->registered()) return fail("the kubelet has not registered this driver yet");
    if (!keeper_->up_to_date()) return fail("the ResourceSlices are not up to date");
    return {};
  }

 private:
  mutable std::mutex mutex_;
  const dra::KubeletPlugin* plugin_ = nullptr;
  const dra::SliceKeeper* keeper_ = nullptr;
};

// ---- The whole ----

class Agent {
 public:
  Agent(const AgentSettings& settings, const Interrupt& interrupt)
      : settings_(settings),
        interrupt_(interrupt),
        accelerators_(settings.sysfs, settings.dev),
        preparer_(accelerators_,
                  dra::CdiFolder(settings.cdi_root, settings.common.driver, settings.dev),
                  metadata_folder(settings)),
        feed_(accelerators_),
        partitioner_(accelerators_, settings.vfs) {}

  Result<void> run() {
    auto opened = probes_.open(
        settings_.common, metrics_, [this] { return readiness_.alive(); },
        [this] { return readiness_.ready(); },
        {{"/doctor", [this] { return Result<std::string>(doctor_page()); }}});
    if (!opened) return opened;
    auto client = make_client(settings_.common, metrics_);
    if (!client) return std::unexpected(client.error());
    preparer_.resume();
    while (!interrupt_.requested()) {
      const auto server = ask_until_answered(
          [&] { return look_at_server(**client, settings_.common); }, interrupt_);
      if (!server) break;
      const auto node = ask_until_answered(
          [&] { return look_at_node(**client, *server, settings_.node, settings_.common.driver); },
          interrupt_);
      if (!node) break;
      partitioner_.set_vfs(node->vfs.value_or(settings_.vfs));
      log::info("node={}: resource.k8s.io/{}, API server 1.{}, kubelet 1.{}", settings_.node,
                server->api_version, server->minor, node->kubelet_minor);
      if (auto served = serve(**client, *server, node->kubelet_minor); !served) return served;
    }
    log::info("stopping");
    return {};
  }

 private:
  /// Those who have to do with the devices while the kubelet is served.
  struct Serving {
    dra::ClaimService& service;
    dra::SliceKeeper& keeper;
    const std::vector<std::unique_ptr<dra::ClaimFollower>>& followers;
  };

  /// What this node looks like now, for those who ask from outside.
  [[nodiscard]] std::string doctor_page() const {
    const dra::SliceFeatures features = [this] {
      const std::lock_guard lock(features_mutex_);
      return features_;
    }();
    return node_report(settings_, accelerators_.look().devices, features);
  }

  /// Until the interrupt comes, or the API server is another one.
  Result<void> serve(kube::Api& api, const Server& server, int kubelet) {
    const auto plugin_setup = plugin_settings(settings_, kubelet);
    const auto paths = dra::plugin_paths(plugin_setup);
    if (!paths) return std::unexpected(paths.error());
    const auto followers = claim_followers(api, settings_, server);
    dra::ClaimServiceSettings claims{.driver = settings_.common.driver,
                                     .node = settings_.node,
                                     .api_version = server.api_version,
                                     .lock_file = paths->lock_file,
                                     .followers = {&absentees_}};
    for (const auto& follower : followers) claims.followers.push_back(follower.get());
    dra::ClaimService service(api, preparer_, std::move(claims));
    MeasuredHandler handler(service, metrics_);
    std::atomic<bool> in_doubt = false;  // whether the server is the one that it was
    auto keeping = keeper_settings(settings_, server);
    {
      const std::lock_guard lock(features_mutex_);
      features_ = keeping.features;
    }
    keeping.on_pass = [&](const Result<dra::Published>& pass) {
      metrics_.published(pass);
      if (!pass) in_doubt = true;
    };
    keeping.on_watch_failure = [&] { in_doubt = true; };
    dra::SliceKeeper keeper(api, std::move(keeping));
    const Serving serving{.service = service, .keeper = keeper, .followers = followers};
    hand_on(feed_.look(), serving);
    auto plugin = dra::KubeletPlugin::start(plugin_setup, handler, board_);
    if (!plugin) return std::unexpected(plugin.error());
    readiness_.begin(**plugin, keeper);
    log::info("serving the kubelet on {}", paths->registration_socket.native());
    {
      const std::jthread orphans = watch_for_orphans(service, settings_.orphan_check);
      follow_devices(serving, [&] {
        return in_doubt.exchange(false) && has_changed(api, settings_.common, server);
      });
      service.end_waiting();
    }
    readiness_.end();
    (*plugin)->stop();
    return {};
  }

  /// Whether one answers no more that did when the devices were last handed on.
  [[nodiscard]] bool falls_silent(const std::vector<discovery::Device>& devices) const {
    return std::ranges::any_of(devices, [this](const discovery::Device& device) {
      return !device.readings && !silent_.contains(device.name);
    });
  }

  void hand_on(std::vector<discovery::Device> devices, const Serving& serving) {
    silent_.clear();
    for (const auto& device : devices) {
      if (!device.readings) silent_.insert(device.name);
    }
    absentees_.set_devices(devices);
    // What claims have is not divided. Of devices that are taken again there are news in a moment.
    if (!serving.service.take_again(absentees_) && absentees_.knows_all_claims()) {
      partitioner_.divide(devices);
    }
    auto all = absentees_.all();
    metrics_.devices(all);
    board_.post(health_of(all, slice_settings(settings_)));
    for (const auto& follower : serving.followers) follower->set_devices(all);
    serving.keeper.set_devices(std::move(all));
  }

  /// Hands on what happens to the devices until the interrupt comes, or it is over.
  void follow_devices(const Serving& serving, const std::function<bool()>& is_over) {
    auto monitor = discovery::Monitor::open();
    if (!monitor) log::error("{}: changes are seen late", monitor.error().message);
    auto rescan = steady_clock::now();  // between the first look and the monitor some may have come
    while (!interrupt_.requested() && !is_over()) {
      await_news(monitor, rescan);
      // Many events come together, such as those of a PF with all its VFs: they are one change. One
      // in a device that stays can't wait, and those that follow it can.
      constexpr milliseconds kGathering{50};
      const auto news = news_of(monitor);
      if (only_changes(news) && steady_clock::now() < rescan) {
        auto devices = feed_.look_again(news);
        if (!falls_silent(devices)) {
          hand_on(std::move(devices), serving);
          if (interrupt_.wait(kGathering)) return;
          continue;
        }
      }
      if (interrupt_.wait(kGathering)) return;
      news_of(monitor);  // which the look sees
      auto devices = feed_.look();
      if (falls_silent(devices)) {
        // A card that is pulled is silent before it is gone: it is not to be called failed.
        constexpr milliseconds kGoing{2000};
        if (interrupt_.wait(kGoing)) return;
        news_of(monitor);
        devices = feed_.look();
      }
      hand_on(std::move(devices), serving);
      rescan = steady_clock::now() + settings_.rescan;
    }
  }

  /// Until there is some, the interrupt comes or it is time for a look that no news ask for.
  void await_news(const Result<discovery::Monitor>& monitor,
                  steady_clock::time_point rescan) const {
    std::array<pollfd, 3> sources = {
        {{.fd = interrupt_.fd(), .events = POLLIN, .revents = 0},
         {.fd = absentees_.fd(), .events = POLLIN, .revents = 0},
         {.fd = monitor ? monitor->fd() : -1, .events = POLLIN, .revents = 0}}};
    const auto left = std::chrono::ceil<milliseconds>(rescan - steady_clock::now());
    ::poll(sources.data(), sources.size(), static_cast<int>(std::max<long>(left.count(), 0)));
  }

  static std::vector<discovery::Event> news_of(Result<discovery::Monitor>& monitor) {
    auto news = monitor ? monitor->news() : std::vector<discovery::Event>();
    for (const auto& event : news) {
      log::debug("device={} {} {}", event.device, event.action, event.what);
    }
    return news;
  }

  const AgentSettings& settings_;
  const Interrupt& interrupt_;
  Metrics metrics_;
  Readiness readiness_;
  mutable std::mutex features_mutex_;
  dra::SliceFeatures features_;  // of the API server; the mutex's
  discovery::KernelAccelerators accelerators_;
  dra::Preparer preparer_;
  dra::HealthBoard board_;
  dra::Absentees absentees_;
  InventoryFeed feed_;
  Partitioner partitioner_;
  std::set<std::string> silent_;  // devices that did not answer
  Probes probes_;                 // the last: its pages ask all of these
};

}  // namespace

Result<void> run_agent(const AgentSettings& settings, const Interrupt& interrupt) {
  return Agent(settings, interrupt).run();
}

}  // namespace mockdev::driver
