// SPDX-License-Identifier: Apache-2.0
#include "driver/cluster.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "kube/api_versions.h"

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

}  // namespace

Result<Cluster> look_at_cluster(kube::Api& api, const dra::NodeName& node) {
  const kube::CallLimits limits{.timeout = kPatience};
  const auto server = kube::server_version(api, limits);
  if (!server) return std::unexpected(to_error(server.error()));
  const auto version = kube::resource_api_version(api, limits);
  if (!version) return std::unexpected(to_error(version.error()));
  const auto object = api.get({.version = "v1", .plural = "nodes", .name = node.text()}, limits);
  if (!object) return std::unexpected(to_error(object.error()));
  const nlohmann::json::json_pointer kubelet("/status/nodeInfo/kubeletVersion");
  return Cluster{
      .api_version = *version,
      .server_minor = server->minor,
      .kubelet_minor = minor_of(object->value(kubelet, std::string())).value_or(server->minor)};
}

}  // namespace mockdev::driver
