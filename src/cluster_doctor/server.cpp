// SPDX-License-Identifier: Apache-2.0
// What the cluster itself is: API server, feature gates, nodes.
#include <charconv>
#include <ranges>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster_doctor/view.h"
#include "doctor/compatibility.h"
#include "kube/json_access.h"

namespace mockdev::cluster_doctor {
namespace {

using doctor::compatibility;
using doctor::FeatureGate;
using doctor::find_version;
using kube::text_at;

/// Whether each feature gate is open, from the API server's metrics.
std::map<std::string, bool, std::less<>> parse_gates(std::string_view metrics) {
  constexpr std::string_view kBegin = "kubernetes_feature_enabled{name=\"";
  std::map<std::string, bool, std::less<>> gates;
  for (const auto part : std::views::split(metrics, '\n')) {
    std::string_view line(part.begin(), part.end());
    if (!line.starts_with(kBegin)) continue;
    line.remove_prefix(kBegin.size());
    gates[std::string(line.substr(0, line.find('"')))] = line.ends_with(" 1");
  }
  return gates;
}

/// A gate that is closed where it is open by default was closed by somebody.
Severity severity_of_closed(const FeatureGate& gate, const kube::ServerVersion& server) {
  if (gate.required) return Severity::error;
  const bool on_purpose = server.at_least(1, static_cast<int>(gate.open_since));
  return on_purpose ? Severity::warning : Severity::note;
}

void report_gate(const ClusterView& view, const FeatureGate& gate, bool open, Report& report) {
  const std::string subject = "feature gate " + gate.name;
  if (open) {
    report.ok(subject, "is open");
    return;
  }
  report.add(
      severity_of_closed(gate, view.server), subject, fmt::format("is closed: {}", gate.without),
      {.needed = fmt::format("open, as it is by default from 1.{} on", gate.open_since),
       .remedy =
           fmt::format("--feature-gates={}=true for all of Kubernetes' components", gate.name)});
}

// ---- Nodes ----

/// A kubelet may be older than the API server, not newer.
void check_kubelet(const ClusterView& view, const std::string& node, const std::string& kubelet,
                   Report& report) {
  constexpr int kMostBehind = 3;
  const auto& row = compatibility().row("kubelet");
  const auto version = find_version(kubelet);
  if (!version) return;  // a Node that was made by hand
  const int behind = view.server.minor - static_cast<int>(version->minor);
  if (behind < 0) {
    report.add(
        Severity::error, node,
        fmt::format("kubelet {} is newer than the API server {}", kubelet, view.server.git_version),
        row.advice);
  } else if (behind > kMostBehind) {
    report.add(
        Severity::warning, node,
        fmt::format("kubelet {} is {} minor versions behind the API server", kubelet, behind),
        row.advice);
  } else {
    report_version(report, node, kubelet, row);
  }
}

/// "containerd://1.7.24", "cri-o://1.34.1".
void check_runtime(const std::string& node, const std::string& runtime, Report& report) {
  const std::size_t colon = runtime.find("://");
  if (colon == std::string::npos) return;
  const std::string kind = runtime.substr(0, colon);
  const std::string version = runtime.substr(colon + 3);
  if (kind == "containerd" || kind == "cri-o") {
    report_version(report, node, version, compatibility().row(kind));
  } else {
    report.add(Severity::warning, node, runtime, compatibility().row("docker").advice);
  }
}

/// One whose kubelet has never said anything is nobody's to expect.
void check_readiness(const std::string& name, const json& node, Report& report) {
  const json* const condition = ready_condition(node);
  if (condition == nullptr || text_at(*condition, {"status"}) == "True") return;
  const std::string reason = text_at(*condition, {"reason"});
  if (reason == "NodeStatusNeverUpdated") return;
  report.add(
      Severity::warning, name, fmt::format("is not ready: {}", reason),
      {.needed = "a node whose kubelet answers",
       .remedy = fmt::format("kubectl describe node {}; of a lab: mock-device repair", name)});
}

void check_node(const ClusterView& view, const json& node, Report& report) {
  const std::string name = name_of(node);
  check_readiness(name, node, report);
  const auto info = [&](std::string_view what) {
    return text_at(node, {"status", "nodeInfo", what});
  };
  check_kubelet(view, name, info("kubeletVersion"), report);
  check_runtime(name, info("containerRuntimeVersion"), report);
  const std::string kernel = info("kernelVersion");
  if (!kernel.empty()) report_version(report, name, kernel, compatibility().row("kernel"));
}

}  // namespace

void check_server(const ClusterView& view, Report& report) {
  report_version(report, "API server", view.server.git_version, compatibility().row("kubernetes"));
}

void check_resource_api(const ClusterView& view, Report& report) {
  if (view.resource_api) {
    report.ok("API server", fmt::format("resource.k8s.io/{} is spoken", *view.resource_api));
  } else if (view.resource_api.error().is(kube::reason::kNotFound)) {
    report.add(Severity::error, "API server", "serves no version of resource.k8s.io with slices",
               compatibility().row("resource-api").advice);
  } else {
    report_unasked(report, "get /apis/resource.k8s.io", view.resource_api.error());
  }
}

void check_gates(const ClusterView& view, Report& report) {
  const auto metrics = view.api.get_text("/metrics");
  if (!metrics) {
    report_unasked(report, "get /metrics", metrics.error());
    return;
  }
  const auto open = parse_gates(*metrics);
  for (const FeatureGate& gate : compatibility().gates) {
    const auto found = open.find(gate.name);
    if (found != open.end()) report_gate(view, gate, found->second, report);
  }
  // Gates go when what they were for can't be switched off any more.
  report.ok("API server", fmt::format("has {} feature gates", open.size()));
}

void check_nodes(const ClusterView& view, Report& report) {
  const auto* const nodes = objects_or_note(view.nodes, report, "list nodes");
  if (nodes == nullptr) return;
  for (const json& node : *nodes) {
    Report of_node;
    of_node.begin("cluster.nodes");
    check_node(view, node, of_node);
    // A thousand nodes that are well are one line.
    for (const doctor::Finding& finding : of_node.findings()) {
      if (finding.severity != Severity::ok) report.add(finding);
    }
  }
  report.ok("nodes", fmt::format("{} were looked at", nodes->size()));
}

void check_device_classes(const ClusterView& view, Report& report) {
  if (!view.resource_api) {
    report_unasked(report, "list deviceclasses", view.resource_api.error());
    return;
  }
  const Objects classes = list(view.api, {.group = std::string(kube::kResourceGroup),
                                          .version = *view.resource_api,
                                          .plural = "deviceclasses"});
  const auto* const all = objects_or_note(classes, report, "list deviceclasses");
  if (all == nullptr) return;
  std::vector<std::string> own;
  for (const json& one : *all) {
    if (one.value("spec", json::object()).dump().contains(view.settings.driver)) {
      own.push_back(name_of(one));
    }
  }
  if (own.empty()) {
    report.add(Severity::error, "DeviceClasses",
               fmt::format("none selects devices of {}", view.settings.driver),
               {.needed = compatibility().row("device-classes").advice.needed,
                .remedy = remedy_of(view, "device-classes.yaml")});
  } else {
    report.ok("DeviceClasses", fmt::format("{}", fmt::join(own, ", ")));
  }
}

}  // namespace mockdev::cluster_doctor
