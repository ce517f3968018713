// SPDX-License-Identifier: Apache-2.0
#include "lab/control_plane.h"

#include <algorithm>
#include <chrono>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "lab/kubeconfig.h"
#include "lab/last_words.h"
#include "lab/words.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds kStartTimeout{120};
constexpr std::chrono::milliseconds kLook{100};

constexpr const char* kServiceAccountIssuer = "https://kubernetes.default.svc.cluster.local";

/// Components that are clients of the API server, by their certificates' names.
constexpr const char* kControllerManager = "controller-manager";
constexpr const char* kScheduler = "scheduler";

std::string local_url(std::uint16_t port) {
  return fmt::format("https://127.0.0.1:{}", port);
}

KubernetesFolder folder_of(const ControlPlane& plane) {
  return plane.folder.kubernetes();
}

std::string option(std::string_view name, const std::string& value) {
  return fmt::format("--{}={}", name, value);
}

Command ask(const ControlPlane& plane, const Words& question) {
  return {.argv = Words{plane.programs / "kubectl", "--kubeconfig", plane.folder.kubeconfig(),
                        "--request-timeout=5s"} +
                  question};
}

Command ask_ready(const ControlPlane& plane, std::uint16_t port) {
  return ask(plane, {"--server", local_url(port), "get", "--raw", "/readyz"});
}

/// What all of Kubernetes' servers take.
Words server_options(const ControlPlane& plane, std::uint16_t port) {
  const KubernetesFolder folder = folder_of(plane);
  Words words = {"--bind-address=127.0.0.1", option("secure-port", std::to_string(port)),
                 option("tls-cert-file", folder.certificate("server")),
                 option("tls-private-key-file", folder.key("server"))};
  Words gates = feature_gates(plane.version);
  for (std::string& gate : gates) gate += "=true";
  if (!gates.empty()) {
    words.push_back(option("feature-gates", fmt::format("{}", fmt::join(gates, ","))));
  }
  return words;
}

/// What those take beside that are clients of the API server. There is one of each.
Words client_options(const ControlPlane& plane, std::string_view name) {
  const fs::path file = folder_of(plane).kubeconfig(name);
  return {option("kubeconfig", file), option("authentication-kubeconfig", file),
          option("authorization-kubeconfig", file), "--leader-elect=false"};
}

std::string runtime_config(const ControlPlane& plane) {
  Words served;
  for (const std::string& version : resource_api_versions(plane.version)) {
    served.push_back(fmt::format("resource.k8s.io/{}=true", version));
  }
  return fmt::format("{}", fmt::join(served, ","));
}

Component etcd(const ControlPlane& plane) {
  const KubernetesFolder folder = folder_of(plane);
  // For other members, of which there are none: a socket in its working folder, named in the one
  // form that etcd takes for all of these options.
  constexpr const char* kPeers = "unix://etcd-peer:0";
  return {.name = "etcd",
          .command = {.argv = plane.etcd +
                              Words{"--name=lab", option("data-dir", folder.etcd_data()),
                                    // A path, which no other user of this computer gets through,
                                    // instead of a port.
                                    option("listen-client-urls",
                                           "unix://" + folder.etcd_socket().native()),
                                    option("advertise-client-urls", kPeers),
                                    option("listen-peer-urls", kPeers),
                                    option("initial-advertise-peer-urls", kPeers),
                                    option("initial-cluster", fmt::format("lab={}", kPeers)),
                                    // Nothing of it is to survive the computer.
                                    "--unsafe-no-fsync", "--log-level=warn"},
                      .folder = folder.path},
          .probe = {.argv = {"test", "-S", folder.etcd_socket()}}};
}

Component apiserver(const ControlPlane& plane) {
  const KubernetesFolder folder = folder_of(plane);
  const fs::path tokens = folder.certificates() / "service-accounts.pub";
  Words networks;
  if (!plane.nodes.empty()) {
    networks.push_back(option("egress-selector-config-file", folder.egress_file()));
  }
  return {
      .name = "apiserver",
      .command =
          {.argv = Words{plane.programs / "kube-apiserver"} +
                   server_options(plane, plane.ports.apiserver) + networks +
                   Words{
                       option("etcd-servers", "unix://" + folder.etcd_socket().native()),
                       option("advertise-address", kHostForGuests),
                       option("service-cluster-ip-range", kServiceRange),
                       option("client-ca-file", folder.certificate("ca")),
                       "--authorization-mode=Node,RBAC",
                       "--enable-admission-plugins=NodeRestriction",
                       "--allow-privileged=true",
                       option("runtime-config", runtime_config(plane)),
                       option("service-account-issuer", kServiceAccountIssuer),
                       option("service-account-key-file", tokens),
                       option("service-account-signing-key-file", folder.key("service-accounts")),
                       option("kubelet-certificate-authority", folder.certificate("ca")),
                       option("kubelet-client-certificate", folder.certificate("kubelet-client")),
                       option("kubelet-client-key", folder.key("kubelet-client")),
                       "--kubelet-preferred-address-types=InternalIP",
                       option("requestheader-client-ca-file", folder.certificate("front-proxy-ca")),
                       "--requestheader-allowed-names=front-proxy-client",
                       "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                       "--requestheader-group-headers=X-Remote-Group",
                       "--requestheader-username-headers=X-Remote-User",
                       option("proxy-client-cert-file", folder.certificate("front-proxy-client")),
                       option("proxy-client-key-file", folder.key("front-proxy-client")),
                   }},
      .probe = ask_ready(plane, plane.ports.apiserver)};
}

/// How the API server reaches what is in the cluster's networks.
FileText egress_file(const ControlPlane& plane) {
  const KubernetesFolder folder = folder_of(plane);
  const nlohmann::ordered_json selection = {
      {"name", "cluster"},
      {"connection",
       {{"proxyProtocol", "HTTPConnect"},
        {"transport", {{"uds", {{"udsName", folder.egress_socket().native()}}}}}}}};
  const nlohmann::ordered_json document = {
      {"apiVersion", "apiserver.k8s.io/v1beta1"},
      {"kind", "EgressSelectorConfiguration"},
      {"egressSelections", nlohmann::ordered_json::array({selection})}};
  return {.path = folder.egress_file(), .text = document.dump(2) + "\n"};
}

Component network(const ControlPlane& plane) {
  return {.name = "network",
          .command = {.argv = {plane.program, "network", plane.folder.lab()}},
          .probe = {.argv = {"test", "-S", folder_of(plane).egress_socket()}}};
}

Component controller_manager(const ControlPlane& plane) {
  const KubernetesFolder folder = folder_of(plane);
  return {
      .name = kControllerManager,
      .command = {.argv = Words{plane.programs / "kube-controller-manager"} +
                          server_options(plane, plane.ports.controller_manager) +
                          client_options(plane, kControllerManager) +
                          Words{option("root-ca-file", folder.certificate("ca")),
                                option("service-account-private-key-file",
                                       folder.key("service-accounts")),
                                option("cluster-signing-cert-file", folder.certificate("ca")),
                                option("cluster-signing-key-file", folder.key("ca")),
                                // Which it would make somewhere in /usr.
                                option("flex-volume-plugin-dir", folder.path / "volume-plugins"),
                                "--use-service-account-credentials=true"}},
      // Which it makes, and without which no pod can be created.
      .probe = ask(plane, {"get", "serviceaccount", "default", "--namespace=default"})};
}

Component scheduler(const ControlPlane& plane) {
  return {.name = kScheduler,
          .command = {.argv = Words{plane.programs / "kube-scheduler"} +
                              server_options(plane, plane.ports.scheduler) +
                              client_options(plane, kScheduler)},
          .probe = ask_ready(plane, plane.ports.scheduler)};
}

Component kwok(const ControlPlane& plane) {
  const std::string address = fmt::format("127.0.0.1:{}", plane.simulation->ports.kwok);
  return {
      .name = "kwok",
      .command = {.argv = {plane.simulation->kwok, option("kubeconfig", plane.folder.kubeconfig()),
                           option("config", plane.simulation->stages), "--manage-all-nodes=false",
                           "--node-lease-duration-seconds=40",
                           option("manage-nodes-with-label-selector", kSimulatedSelector),
                           option("server-address", address)}},
      .probe = ask(plane, {"--server", "http://" + address, "get", "--raw", "/healthz"})};
}

Component simulation(const ControlPlane& plane) {
  const std::string port = std::to_string(plane.simulation->ports.controller);
  return {.name = "simulation",
          .command = {.argv = {plane.simulation->driver, "controller", "--namespace=default",
                               "--pod-name=lab", option("kubeconfig", plane.folder.kubeconfig()),
                               option("simulated-topology", folder_of(plane).simulated_topology()),
                               "--kube-api-qps=1000", "--healthcheck-port=-1",
                               "--http-address=127.0.0.1", option("http-port", port)}},
          .probe = ask(plane, {"--server", "http://127.0.0.1:" + port, "get", "--raw", "/readyz"})};
}

FileText client_file(const ControlPlane& plane, const fs::path& path, std::string_view name) {
  const KubernetesFolder folder = folder_of(plane);
  return {.path = path,
          .text = kubeconfig({.server = api_server_url(plane),
                              .authority = folder.certificate("ca"),
                              .certificate = folder.certificate(name),
                              .key = folder.key(name)})};
}

}  // namespace

std::string api_server_url(const ControlPlane& plane) {
  return local_url(plane.ports.apiserver);
}

std::vector<Preparation> control_plane_preparations(const fs::path& make_certificates,
                                                    const ControlPlane& plane) {
  const KubernetesFolder folder = folder_of(plane);
  Words certificates = {make_certificates, folder.certificates()};
  for (const NodeAddress& node : plane.nodes) {
    certificates.insert(certificates.end(), {node.name, node.address});
  }
  std::vector<Preparation> all = {
      Command{.argv = {"mkdir", "-p", "-m", "700", plane.folder.path(), folder.path,
                       folder.certificates(), folder.etcd_data()}},
      Command{.argv = std::move(certificates)},
      client_file(plane, plane.folder.kubeconfig(), "admin"),
  };
  for (const char* const client : {kControllerManager, kScheduler}) {
    all.emplace_back(client_file(plane, folder.kubeconfig(client), client));
  }
  if (!plane.nodes.empty()) all.emplace_back(egress_file(plane));
  if (plane.simulation) {
    all.emplace_back(
        FileText{.path = folder.simulated_topology(), .text = plane.simulation->topology});
    all.emplace_back(
        FileText{.path = folder.simulated_nodes(), .text = node_objects(*plane.simulation)});
  }
  return all;
}

Command apply(const ControlPlane& plane, const fs::path& file) {
  return ask(plane, {"apply", "--filename", file});
}

Command ask_nodes_ready(const ControlPlane& plane) {
  Words words = {"wait", "--for=condition=Ready", "--timeout=1s"};
  for (const NodeAddress& node : plane.nodes) words.push_back("node/" + node.name);
  return ask(plane, words);
}

Command make_simulated_nodes(const ControlPlane& plane) {
  return ask(plane, {"create", "--filename", folder_of(plane).simulated_nodes()});
}

Command list_ready_simulated_nodes(const ControlPlane& plane) {
  return ask(plane,
             {"get", "nodes", "--selector", kSimulatedSelector,
              R"(--output=jsonpath={range .items[?(@.status.phase=="Running")]}x{"\n"}{end})"});
}

Command list_simulated_slices(const ControlPlane& plane) {
  return ask(plane, {"get", "resourceslices", "--output=name", "--selector", kSimulatedSelector});
}

std::vector<Component> components(const ControlPlane& plane) {
  std::vector<Component> all = {etcd(plane), apiserver(plane), controller_manager(plane),
                                scheduler(plane)};
  if (!plane.nodes.empty()) all.push_back(network(plane));
  if (plane.simulation) {
    all.push_back(kwok(plane));
    all.push_back(simulation(plane));
  }
  return all;
}

Result<void> wait_until_ready(const Component& component, const ProcessId& process,
                              const KubernetesFolder& folder, const Interrupt& interrupt) {
  const auto end = std::chrono::steady_clock::now() + kStartTimeout;
  while (true) {
    const auto asked = run(component.probe, {.interrupt = &interrupt});
    if (!asked) return std::unexpected(asked.error());
    if (asked->exit_code == 0) return {};
    if (wait_for_end(process, kLook, &interrupt)) {
      return fail("{} ended at its start: {}", component.name,
                  last_words(folder.log(component.name)));
    }
    if (interrupt.requested()) return interrupted();
    if (std::chrono::steady_clock::now() > end) {
      return fail("{}: not ready after {} s: {}", component.name, kStartTimeout.count(),
                  one_line(asked->output));
    }
  }
}

}  // namespace mockdev::lab
