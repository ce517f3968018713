// SPDX-License-Identifier: Apache-2.0
#include "driver/controller.h"

#include <atomic>
#include <chrono>
#include <optional>

#include "base/log.h"
#include "dra/sweeper.h"
#include "driver/cluster.h"
#include "driver/metrics.h"
#include "driver/probes.h"
#include "kube/lease.h"

namespace mockdev::driver {
namespace {

constexpr const char* kLease = "mock-accel-controller";

dra::SweeperSettings sweeper_settings(const ControllerSettings& settings, const Server& server,
                                      Metrics& metrics) {
  return {.driver = settings.common.driver,
          .api_version = server.api_version,
          .grace = settings.grace,
          .agent_namespace = settings.ns,
          .agent_selector = settings.agent_selector,
          .on_removal = [&metrics](const Result<void>& done) { metrics.swept(done); }};
}

}  // namespace

Result<void> run_controller(const ControllerSettings& settings, const Interrupt& interrupt) {
  Metrics metrics;
  std::atomic<bool> contends = false;
  Probes probes;
  auto opened = probes.open(
      settings.common, metrics, [] { return Result<void>(); },
      [&contends]() -> Result<void> {
        if (!contends) return fail("the API server is not there yet");
        return {};
      });
  if (!opened) return opened;
  auto client = make_client(settings.common, metrics);
  if (!client) return std::unexpected(client.error());
  const auto server =
      ask_until_answered([&] { return look_at_server(**client, settings.common); }, interrupt);
  if (!server) return {};

  std::optional<dra::Sweeper> sweeper;
  auto election = kube::LeaderElection::make(
      **client, {.ns = settings.ns,
                 .name = kLease,
                 .identity = settings.identity,
                 .started_leading =
                     [&] {
                       log::info("leading as {}", settings.identity);
                       sweeper.emplace(**client, sweeper_settings(settings, *server, metrics));
                     },
                 .stopped_leading =
                     [&] {
                       sweeper.reset();
                       log::info("not leading any more");
                     }});
  if (!election) return std::unexpected(election.error());
  (*election)->start();
  contends = true;
  while (!interrupt.wait(std::chrono::hours(1))) {
  }
  log::info("stopping");
  (*election)->stop();
  return {};
}

}  // namespace mockdev::driver
