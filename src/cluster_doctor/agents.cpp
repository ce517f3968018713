// SPDX-License-Identifier: Apache-2.0
// The programs of mock-device in the cluster: where they run, and what they say.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster_doctor/view.h"
#include "doctor/compatibility.h"
#include "doctor/version.h"
#include "kube/json_access.h"

namespace mockdev::cluster_doctor {
namespace {

using doctor::compatibility;
using doctor::find_version;
using kube::member;
using kube::text_at;

std::string node_of(const json& pod) {
  return text_at(pod, {"spec", "nodeName"});
}

/// What tells more of a pod that is not ready.
std::string look_closer(const json& pod) {
  return fmt::format("kubectl -n {} describe pod {}; its /readyz and log say what it waits for",
                     text_at(pod, {"metadata", "namespace"}), text_at(pod, {"metadata", "name"}));
}

void check_agent(const json& pod, Report& report) {
  if (is_ready(pod)) return;
  report.add(Severity::error, node_of(pod).empty() ? name_of(pod) : node_of(pod),
             fmt::format("its node agent {} is not ready: {}", name_of(pod), state_of(pod)),
             {.needed = "a node agent that is ready", .remedy = look_closer(pod)});
}

/// There is no pod: perhaps since something keeps a DaemonSet from making them.
void report_no_agents(const ClusterView& view, Report& report) {
  std::string found = "there is none";
  std::string remedy = how_to_install(view);
  if (view.daemon_sets && !view.daemon_sets->empty()) {
    const json& set = view.daemon_sets->front();
    const int wanted = set.value("/status/desiredNumberScheduled"_json_pointer, 0);
    found = wanted > 0
                ? fmt::format("{} has made none of the {} that it wants", name_of(set), wanted)
                : fmt::format("{} finds no node for one", name_of(set));
    remedy =
        fmt::format("kubectl -n {} describe daemonset {} says what is in the way",
                    text_at(set, {"metadata", "namespace"}), text_at(set, {"metadata", "name"}));
  }
  report.add(Severity::error, "node agents", found,
             {.needed = "a node agent on each node with accelerators", .remedy = remedy});
}

/// Nodes that slices name, whose devices nobody hands out.
std::set<std::string> nodes_of_slices(const ClusterView& view) {
  std::set<std::string> nodes;
  if (!view.slices) return nodes;
  for (const json& slice : *view.slices) nodes.insert(text_at(slice, {"spec", "nodeName"}));
  nodes.erase("");
  return nodes;
}

// ---- Versions ----

/// Components are of one version; while an upgrade rolls they are one minor version apart.
void report_skew(const std::string& subject, const std::string& version, Report& report) {
  const auto theirs = find_version(version);
  const auto ours = find_version(MOCK_DEVICE_VERSION);
  if (version == MOCK_DEVICE_VERSION || !theirs || !ours) return;
  const bool near = theirs->major == ours->major &&
                    std::abs(static_cast<int>(theirs->minor) - static_cast<int>(ours->minor)) <= 1;
  report.add(near ? Severity::warning : Severity::error, subject,
             fmt::format("is {}, this program {}", version, MOCK_DEVICE_VERSION),
             compatibility().row("versions").advice);
}

/// The tag of the image of a pod's first container; empty: it has none.
std::string tag_of(const json& pod) {
  const json containers = pod.at("spec").value("containers", json::array());
  if (containers.empty()) return "";
  const std::string image = text_at(containers[0], {"image"});
  const std::size_t colon = image.rfind(':');
  if (colon == std::string::npos || image.find('/', colon) != std::string::npos) return "";
  return image.substr(colon + 1);
}

/// The number of a version of a release, from the label of its secret.
int release_version(const json& secret) {
  const std::string text = text_at(secret, {"metadata", "labels", "version"});
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string release_status(const json& secret) {
  return text_at(secret, {"metadata", "labels", "status"});
}

/// The last version of a release that worked. 0: none has.
int last_good_version(const std::vector<json>& versions) {
  for (const std::string_view status : {"deployed", "superseded"}) {
    int last = 0;
    for (const json& one : versions) {
      if (release_status(one) == status) last = std::max(last, release_version(one));
    }
    if (last > 0) return last;
  }
  return 0;
}

/// Reports a release whose last change was not finished; what was not finished before counts no
/// more. Helm keeps releases in secrets, which few may list: nothing is said to the others.
void check_release(const ClusterView& view, const json& object, Report& report) {
  const std::string release = release_of(object);
  const std::string ns = text_at(object, {"metadata", "namespace"});
  const Objects versions = list(view.api, {.version = "v1", .plural = "secrets", .ns = ns},
                                {.label_selector = fmt::format("owner=helm,name={}", release)});
  if (!versions || versions->empty()) return;
  const json& newest = *std::ranges::max_element(*versions, {}, release_version);
  const std::string status = release_status(newest);
  if (!status.starts_with("pending-")) return;
  // Without a number rollback takes the version before, whatever has become of that.
  const int good = last_good_version(*versions);
  const std::string remedy =
      good > 0 ? fmt::format("helm rollback --namespace {} {} {}", ns, release, good)
               : fmt::format("helm uninstall --namespace {} {}", ns, release);
  report.add(Severity::warning, "Helm release " + release,
             fmt::format("is {} since its version {}: Helm is at work, or was ended", status,
                         release_version(newest)),
             {.needed = "a release that is deployed", .remedy = "if no helm runs: " + remedy});
}

}  // namespace

void check_agents(const ClusterView& view, Report& report) {
  const auto* const pods = objects_or_note(view.pods, report, "list pods");
  if (pods == nullptr) return;
  std::map<std::string, unsigned> agents;  // by node
  for (const json& pod : *pods) {
    if (!is_agent(pod)) continue;
    ++agents[node_of(pod)];
    check_agent(pod, report);
  }
  if (agents.empty()) {
    report_no_agents(view, report);
    return;
  }
  for (const auto& [node, count] : agents) {
    if (count == 1 || node.empty()) continue;
    report.add(Severity::warning, node, fmt::format("has {} node agents", count),
               {.needed = "one, but for the time of a rolling update",
                .remedy = "look for a second installation"});
  }
  for (const std::string& node : nodes_of_slices(view)) {
    if (agents.contains(node)) continue;
    report.add(Severity::warning, node, "has slices but no node agent",
               {.needed = "a node agent that hands out what the slices offer",
                .remedy = "look at the DaemonSet's node selector and tolerations; the controller "
                          "removes slices that nobody serves"});
  }
  report.ok("node agents", fmt::format("on {} nodes", agents.size()));
}

void check_controllers(const ClusterView& view, Report& report) {
  const auto* const pods = objects_or_note(view.pods, report, "list pods");
  if (pods == nullptr) return;
  const json* unready = nullptr;
  unsigned ready = 0;
  for (const json& pod : *pods) {
    // One that was evicted is there still, and another in its place.
    const std::string phase = text_at(pod, {"status", "phase"});
    if (text_at(pod, {"metadata", "labels", "app.kubernetes.io/component"}) != "controller" ||
        phase == "Failed" || phase == "Succeeded") {
      continue;
    }
    if (is_ready(pod)) {
      ++ready;
    } else {
      unready = &pod;
    }
  }
  if (ready > 0) {
    report.ok("controllers", fmt::format("{} ready", ready));
    return;
  }
  report.add(
      Severity::warning, "controllers",
      unready == nullptr
          ? "there is none"
          : fmt::format("none is ready; {}: {}", name_of(*unready), state_of(*unready)),
      {.needed = "one that removes the slices of nodes that are gone",
       .remedy = unready == nullptr ? remedy_of(view, "controller.yaml") : look_closer(*unready)});
}

void check_reports(const ClusterView& view, Report& report) {
  unsigned well = 0;
  for (const AgentReport& agent : view.reports) {
    Report own;
    if (!agent.page) {
      report_unasked(report, "get pods/proxy", agent.page.error());
      if (agent.page.error().is(kube::reason::kForbidden)) return;  // the others are alike
      continue;
    }
    if (auto added = add_from_json(*agent.page, own); !added) {
      report.add(Severity::note, agent.node, "its agent gives no report",
                 {.needed = "a node agent of this version", .remedy = "upgrade it"});
      continue;
    }
    const auto worst = std::ranges::max_element(own.findings(), {}, &doctor::Finding::severity);
    if (worst == own.findings().end() || worst->severity < Severity::warning) {
      ++well;
      continue;
    }
    report.add(worst->severity, agent.node,
               fmt::format("{} errors and {} warnings; {}: {}", own.count(Severity::error),
                           own.count(Severity::warning), worst->id, worst->found),
               {.needed = worst->advice.needed,
                .remedy = fmt::format("mock-device doctor --node {}", agent.node)});
  }
  report.ok("node agents", fmt::format("{} find nothing wrong", well));
}

void check_versions(const ClusterView& view, Report& report) {
  for (const AgentReport& agent : view.reports) {
    if (agent.page)
      report_skew("agent of " + agent.node, text_at(*agent.page, {"version"}), report);
  }
  const auto* const pods = objects_or_note(view.pods, report, "list pods");
  if (pods == nullptr) return;
  for (const json& pod : *pods) {
    // An agent that reports has said its version better than its image does.
    const bool reported = std::ranges::any_of(view.reports, [&](const AgentReport& agent) {
      return agent.pod == name_of(pod) && agent.page;
    });
    if (!reported) report_skew("image of " + name_of(pod), tag_of(pod), report);
  }
  report.ok("versions", fmt::format("{} pods were looked at", pods->size()));
}

void check_installations(const ClusterView& view, Report& report) {
  if (objects_or_note(view.daemon_sets, report, "list daemonsets") == nullptr) return;
  std::vector<std::string> names;
  for (const json* const one : installations(view)) {
    const std::string release = release_of(*one);
    names.push_back(release.empty() ? name_of(*one)
                                    : fmt::format("{} (Helm release {})", name_of(*one), release));
    if (!release.empty()) check_release(view, *one, report);
  }
  if (names.size() > 1) {
    report.add(Severity::error, "installations",
               fmt::format("{}: {}", names.size(), fmt::join(names, ", ")),
               compatibility().row("installations").advice);
  } else if (names.empty()) {
    report.add(Severity::note, "installations", "neither a DaemonSet of mock-device nor a Module",
               {.needed = "one installation", .remedy = how_to_install(view)});
  } else {
    report.ok("installations", names[0]);
  }
}

}  // namespace mockdev::cluster_doctor
