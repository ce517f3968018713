// SPDX-License-Identifier: Apache-2.0
#include "driver/doctor.h"

#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "cluster_doctor/cluster.h"
#include "doctor/node.h"
#include "kube/client.h"

namespace mockdev::driver {
namespace {

constexpr int kIndent = 2;

std::string text_of(const nlohmann::ordered_json& document) {
  return document.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

/// The devices as they stand in slices.
nlohmann::ordered_json offers(const AgentSettings& settings,
                              const std::vector<discovery::Device>& devices,
                              const dra::SliceFeatures& features) {
  auto slices = slice_settings(settings.common, settings.attributes);
  slices.node = settings.node;
  slices.short_pool_names = settings.short_pool_names;
  auto all = nlohmann::ordered_json::array();
  for (const discovery::Device& device : devices) {
    if (!is_offered(device, features)) continue;
    all.push_back({{"name", dra::device_name(device.name).text()},
                   {"pool", dra::pool_name(slices, device).text()},
                   {"uuid", to_string(device.uuid)}});
  }
  return all;
}

}  // namespace

std::string node_report(const AgentSettings& settings,
                        const std::vector<discovery::Device>& devices,
                        const dra::SliceFeatures& features) {
  doctor::Report report;
  check_node({.name = settings.node.text(),
              .sysfs = settings.sysfs,
              .dev = settings.dev,
              .cdi_root = settings.cdi_root,
              .registry_folder = settings.registry_folder,
              .plugins_folder = settings.plugins_folder,
              .oldest_abi = dra::kOldestAbi,
              .newest_abi = dra::kNewestAbi,
              .confined = true},
             report);
  auto document = to_json(report, MOCK_DEVICE_VERSION);
  document["node"] = settings.node.text();
  document["devices"] = offers(settings, devices, features);
  return text_of(document);
}

Result<std::string> cluster_report(const DoctorSettings& settings) {
  auto config = kube::load_config(settings.common.kubeconfig);
  if (!config) return std::unexpected(config.error());
  // Somebody waits: a server that does not answer is a finding, not a reason to wait.
  auto client = kube::Client::make(
      std::move(*config), {.user_agent = fmt::format("mock-device-doctor/{}", MOCK_DEVICE_VERSION),
                           .qps = 0,
                           .attempt_timeout = std::chrono::seconds(10),
                           .operation_timeout = std::chrono::seconds(15),
                           .attempts = 2});
  if (!client) return std::unexpected(client.error());
  const cluster_doctor::ClusterSettings cluster{.driver = settings.common.driver.text(),
                                                .selector = settings.selector};
  doctor::Report report;
  if (settings.node.empty()) {
    check_cluster(**client, cluster, report);
  } else {
    check_node_of_cluster(**client, cluster, settings.node, report);
  }
  return text_of(to_json(report, MOCK_DEVICE_VERSION));
}

}  // namespace mockdev::driver
