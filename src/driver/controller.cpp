// SPDX-License-Identifier: Apache-2.0
#include "driver/controller.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "dra/simulated_nodes.h"
#include "dra/sweeper.h"
#include "driver/cluster.h"
#include "driver/metrics.h"
#include "driver/probes.h"
#include "driver/simulation.h"
#include "kube/lease.h"
#include "topology/topology.h"

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

/// The machines of a topology, by name. None: none is simulated.
using Machines = std::map<dra::NodeName, topology::Node>;

Result<Machines> machines_of(const std::filesystem::path& file) {
  Machines machines;
  if (file.empty()) return machines;
  auto topology = topology::load(file);
  if (!topology) return fail_input(topology.error());
  for (topology::Node& machine : topology->nodes) {
    dra::NodeName name(machine.name);
    machines.emplace(std::move(name), std::move(machine));
  }
  return machines;
}

dra::SimulatedNodesSettings simulation_settings(const ControllerSettings& settings,
                                                const Server& server, const Machines& machines,
                                                Metrics& metrics) {
  return {
      .publisher = {.driver = settings.common.driver,
                    .node = {},
                    .api_version = server.api_version,
                    .ordered_names = server.orders_by_name()},
      .slices = slice_settings(settings.common, settings.attributes),
      .features = dra::slice_features(server.api_version, server.minor),
      .devices_of =
          [&machines](const dra::NodeName& node) -> std::optional<std::vector<discovery::Device>> {
        const auto machine = machines.find(node);
        if (machine == machines.end()) return std::nullopt;
        return simulated_devices(machine->second);
      },
      .agent_namespace = settings.ns,
      .agent_selector = settings.agent_selector,
      .grace = settings.grace,
      .on_pass = [&metrics](const auto& pass) { metrics.published(pass); }};
}

/// Takes part in the election until the interrupt comes, or the API server is another one.
Result<void> contend(kube::Api& api, const ControllerSettings& settings, const Server& server,
                     const Machines& machines, Metrics& metrics, const Interrupt& interrupt) {
  std::optional<dra::Sweeper> sweeper;
  std::optional<dra::SimulatedNodes> simulation;
  const auto lead = [&] {
    log::info("leading as {}", settings.identity);
    sweeper.emplace(api, sweeper_settings(settings, server, metrics));
    if (machines.empty()) return;
    simulation.emplace(api, simulation_settings(settings, server, machines, metrics));
  };
  const auto follow = [&] {
    simulation.reset();
    sweeper.reset();
    log::info("not leading any more");
  };
  auto election = kube::LeaderElection::make(api, {.ns = settings.ns,
                                                   .name = kLease,
                                                   .identity = settings.identity,
                                                   .started_leading = lead,
                                                   .stopped_leading = follow});
  if (!election) return std::unexpected(election.error());
  (*election)->start();
  constexpr std::chrono::minutes kPause{1};
  while (!interrupt.wait(kPause) && !has_changed(api, settings.common, server)) {
  }
  (*election)->stop();
  return {};
}

}  // namespace

Result<void> run_controller(const ControllerSettings& settings, const Interrupt& interrupt) {
  const auto machines = machines_of(settings.simulated);
  if (!machines) return std::unexpected(machines.error());
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
  while (!interrupt.requested()) {
    const auto server =
        ask_until_answered([&] { return look_at_server(**client, settings.common); }, interrupt);
    if (!server) break;
    contends = true;
    if (auto done = contend(**client, settings, *server, *machines, metrics, interrupt); !done) {
      return done;
    }
  }
  log::info("stopping");
  return {};
}

}  // namespace mockdev::driver
