// SPDX-License-Identifier: Apache-2.0
#include "lab/node_payload.h"

#include <array>

#include <nlohmann/json.hpp>

#include "lab/cluster_network.h"
#include "lab/kubeconfig.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

/// What the start script makes of the node's own folder.
const fs::path kInGuest = "/run/node";

constexpr std::array kPrograms = {"kubelet", "kube-proxy"};

/// Of the images beside Kubernetes' programs.
constexpr ByteCount kImages = 16_MiB;

std::string kubelet_configuration(KubernetesVersion version) {
  using OrderedJson = nlohmann::ordered_json;
  OrderedJson gates = OrderedJson::object();
  for (const std::string& gate : feature_gates(version)) gates[gate] = true;
  const OrderedJson document = {
      {"apiVersion", "kubelet.config.k8s.io/v1beta1"},
      {"kind", "KubeletConfiguration"},
      {"authentication",
       {{"anonymous", {{"enabled", false}}},
        {"webhook", {{"enabled", true}}},
        {"x509", {{"clientCAFile", kInGuest / "ca.crt"}}}}},
      {"authorization", {{"mode", "Webhook"}}},
      {"cgroupDriver", "systemd"},
      {"clusterDomain", "cluster.local"},
      {"containerRuntimeEndpoint", "unix:///run/containerd/containerd.sock"},
      {"failSwapOn", false},
      {"resolvConf", "/etc/resolv.conf"},
      {"tlsCertFile", kInGuest / "node.crt"},
      {"tlsPrivateKeyFile", kInGuest / "node.key"},
      {"featureGates", gates},
  };
  return document.dump(2) + "\n";
}

std::string environment(const NodeAddress& node) {
  return fmt::format("NODE_NAME={}\nNODE_ADDRESS={}\nNODE_PREFIX={}\nPOD_RANGE={}\nPOD_RANGES={}\n",
                     node.name, node.address, kNodePrefix, node.pod_range, kPodRanges);
}

std::string client_configuration(const ControlPlane& plane, std::string_view certificate) {
  return kubeconfig({.server = fmt::format("https://{}:{}", kHostForGuests, plane.ports.apiserver),
                     .authority = kInGuest / "ca.crt",
                     .certificate = kInGuest / fmt::format("{}.crt", certificate),
                     .key = kInGuest / fmt::format("{}.key", certificate)});
}

void add_node(std::vector<Preparation>& all, const ControlPlane& plane, const NodeAddress& node,
              const fs::path& folder) {
  const KubernetesFolder from = plane.folder.kubernetes();
  const std::string own = fmt::format("node-{}", node.name);
  all.emplace_back(Command{.argv = {"mkdir", folder}});
  all.emplace_back(Command{.argv = {"cp", from.certificate("ca"), from.certificate("kube-proxy"),
                                    from.key("kube-proxy"), folder}});
  all.emplace_back(Command{.argv = {"cp", from.certificate(own), folder / "node.crt"}});
  all.emplace_back(Command{.argv = {"cp", from.key(own), folder / "node.key"}});
  all.emplace_back(FileText{.path = folder / "environment", .text = environment(node)});
  all.emplace_back(
      FileText{.path = folder / "kubelet.kubeconfig", .text = client_configuration(plane, "node")});
  all.emplace_back(FileText{.path = folder / "kube-proxy.kubeconfig",
                            .text = client_configuration(plane, "kube-proxy")});
}

}  // namespace

fs::path payload_images(const RunFolder& folder) {
  return folder.payload() / "kubernetes/images";
}

std::vector<Preparation> node_preparations(const Installation& installation,
                                           const GuestImage& image, const ControlPlane& plane) {
  const fs::path folder = plane.folder.payload() / "kubernetes";
  const fs::path images = payload_images(plane.folder);
  const fs::path pause = plane.folder.payload() / "pause";
  std::vector<Preparation> all = {
      Command{.argv = {"mkdir", folder, folder / "bin", folder / "nodes", pause}},
      Command{.argv = {"cp", "-R", image.container_images(), images}},
      Command{.argv = {"cp", installation.pause, pause / "pause"}},
      Command{.argv = {installation.lab() / "images/make", images / "pause.tar",
                       "localhost/pause:1", pause, "/pause"}},
      Command{.argv = {"rm", "-r", pause}},
      Command{.argv = {"cp", installation.lab() / "node/start", folder / "start"}},
      FileText{.path = folder / "kubelet.json", .text = kubelet_configuration(plane.version)},
  };
  for (const char* const program : kPrograms) {
    all.emplace_back(Command{.argv = {"cp", plane.programs / program, folder / "bin" / program}});
  }
  for (const NodeAddress& node : plane.nodes)
    add_node(all, plane, node, folder / "nodes" / node.name);
  return all;
}

ByteCount node_payload_size(const ControlPlane& plane) {
  std::uint64_t size = kImages.value();
  for (const char* const program : kPrograms) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(plane.programs / program, error);
    if (!error) size += bytes;
  }
  return ByteCount{size};
}

}  // namespace mockdev::lab
