// SPDX-License-Identifier: Apache-2.0
#include "driver/cluster.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kube/api_versions.h"
#include "kube/config.h"
#include "kube/json_access.h"
#include "mock_accel.h"

namespace mockdev::driver {
namespace {

constexpr std::chrono::seconds kPatience{5};

/// 36 of "v1.36.3-vendor".
std::optional<int> minor_of(std::string_view version) {
  constexpr std::string_view kStart = "v1.";
  if (!version.starts_with(kStart)) return std::nullopt;
  version.remove_prefix(kStart.size());
  int minor = 0;
  const auto [rest, error] =
      std::from_chars(version.data(), version.data() + version.size(), minor);
  if (error != std::errc{}) return std::nullopt;
  return minor;
}

std::optional<unsigned> vfs_label(const nlohmann::json& node, const dra::DriverName& driver) {
  const std::string label = driver.text() + "/vfs";
  const std::string text = kube::text_at(node, {"metadata", "labels", label});
  if (text.empty()) return std::nullopt;
  unsigned vfs = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, vfs);
  if (error == std::errc{} && rest == end && vfs <= MOCK_ACCEL_MAX_VFS) return vfs;
  log::error("label {}={} of this Node is not a number from 0 to {}, and is left aside", label,
             text, MOCK_ACCEL_MAX_VFS);
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<kube::Client>> make_client(const CommonSettings& settings,
                                                  Metrics& metrics) {
  auto config = kube::load_config(settings.kubeconfig);
  if (!config) return std::unexpected(config.error());
  log::info("API server {} ({})", config->server, config->source);
  return kube::Client::make(
      std::move(*config),
      {.user_agent = fmt::format("mock-accel-dra-driver/{}", MOCK_DEVICE_VERSION),
       // A pod that starts may not wait for a limit that is there to protect the server from loops.
       .qps = static_cast<double>(settings.qps),
       .burst = settings.qps * 2,
       .on_call = [&metrics](const kube::CallRecord& call) { metrics.api_call(call); }});
}

Result<Server> look_at_server(kube::Api& api, const CommonSettings& settings) {
  const kube::CallLimits limits{.timeout = kPatience};
  const auto server = kube::server_version(api, limits);
  if (!server) return std::unexpected(to_error(server.error()));
  if (!settings.api_version.empty()) {
    return Server{.api_version = settings.api_version, .minor = server->minor};
  }
  const auto version = kube::resource_api_version(api, limits);
  if (!version) return std::unexpected(to_error(version.error()));
  return Server{.api_version = *version, .minor = server->minor};
}

bool has_changed(kube::Api& api, const CommonSettings& settings, const Server& server) {
  const auto now = look_at_server(api, settings);
  if (!now || *now == server) return false;
  log::warn("API server 1.{} with resource.k8s.io/{} is now 1.{} with {}: beginning anew",
            server.minor, server.api_version, now->minor, now->api_version);
  return true;
}

Result<NodeFacts> look_at_node(kube::Api& api, const Server& server, const dra::NodeName& node,
                               const dra::DriverName& driver) {
  const auto object =
      api.get({.version = "v1", .plural = "nodes", .name = node.text()}, {.timeout = kPatience});
  if (!object) return std::unexpected(to_error(object.error()));
  const auto minor = minor_of(kube::text_at(*object, {"status", "nodeInfo", "kubeletVersion"}));
  return NodeFacts{.kubelet_minor = minor.value_or(server.minor),
                   .vfs = vfs_label(*object, driver)};
}

}  // namespace mockdev::driver
