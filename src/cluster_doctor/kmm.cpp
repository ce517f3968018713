// SPDX-License-Identifier: Apache-2.0
// Kernel Module Management.
#include <algorithm>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster_doctor/view.h"
#include "doctor/compatibility.h"
#include "kube/json_access.h"

namespace mockdev::cluster_doctor {
namespace {

using doctor::compatibility;
using kube::member;
using kube::number_at;
using kube::text_at;

constexpr const char* kKmmGroup = "kmm.sigs.x-k8s.io";

const json* container_of(const json& module) {
  return member(module, {"spec", "moduleLoader", "container"});
}

/// Whether a Module loads mock-accel: modprobe takes both spellings.
bool is_ours(const json& module) {
  const json* const container = container_of(module);
  if (container == nullptr) return false;
  std::string name = text_at(*container, {"modprobe", "moduleName"});
  std::ranges::replace(name, '-', '_');
  return name == "mock_accel" || name == "mock_accel_fabric";
}

// ---- The nodes of a Module ----

/// Whether a toleration is one of a taint, as Kubernetes defines it (core/v1: Toleration).
bool tolerates(const json& toleration, const json& taint) {
  const std::string effect = text_at(toleration, {"effect"});
  if (!effect.empty() && effect != text_at(taint, {"effect"})) return false;
  const std::string key = text_at(toleration, {"key"});
  const bool exists = text_at(toleration, {"operator"}) == "Exists";
  if (key.empty()) return exists;
  if (key != text_at(taint, {"key"})) return false;
  return exists || text_at(toleration, {"value"}) == text_at(taint, {"value"});
}

bool tolerates_taint(const json& module, const json& taint) {
  const json* const tolerations = member(module, {"spec", "tolerations"});
  if (tolerations == nullptr || !tolerations->is_array()) return false;
  return std::ranges::any_of(*tolerations,
                             [&](const json& toleration) { return tolerates(toleration, taint); });
}

constexpr std::string_view kCordon = "node.kubernetes.io/unschedulable";

/// The taint that keeps KMM from a node: "dedicated:NoSchedule"; the cordon only if no other does.
/// Empty: there is none.
std::string repelling_taint(const json& module, const json& node) {
  // KMM tolerates these by itself.
  static const std::set<std::string> pressures = {"node.kubernetes.io/disk-pressure",
                                                  "node.kubernetes.io/memory-pressure",
                                                  "node.kubernetes.io/pid-pressure"};
  const json* const taints = member(node, {"spec", "taints"});
  if (taints == nullptr || !taints->is_array()) return "";
  std::string repelling;
  for (const json& taint : *taints) {
    const std::string key = text_at(taint, {"key"});
    const std::string effect = text_at(taint, {"effect"});
    const bool repels =
        effect == "NoExecute" || (effect == "NoSchedule" && !pressures.contains(key));
    if (!repels || tolerates_taint(module, taint)) continue;
    if (repelling.empty() || key != kCordon) repelling = fmt::format("{}:{}", key, effect);
  }
  return repelling;
}

/// Without it a cordon takes the module off the node, under its pods.
bool tolerates_cordons(const json& module) {
  return tolerates_taint(module, {{"key", kCordon}, {"effect", "NoSchedule"}});
}

/// The nodes whose labels a Module selects.
std::vector<const json*> selected_nodes(const json& module, const std::vector<json>& nodes) {
  const json* const selector = member(module, {"spec", "selector"});
  std::vector<const json*> selected;
  for (const json& node : nodes) {
    const bool matches = selector == nullptr || !selector->is_object() ||
                         std::ranges::all_of(selector->items(), [&](const auto& label) {
                           const json* const value =
                               member(node, {"metadata", "labels", label.key()});
                           return value != nullptr && *value == label.value();
                         });
    if (matches) selected.push_back(&node);
  }
  return selected;
}

/// Those of the selected nodes that KMM serves. The others are reported.
std::vector<const json*> served_nodes(const json& module, const std::vector<json>& nodes,
                                      Report& report) {
  const std::string subject = "Module " + name_of(module);
  const auto selected = selected_nodes(module, nodes);
  if (selected.empty()) {
    report.add(Severity::warning, subject, "selects no node",
               {.needed = "a selector that nodes match", .remedy = "label the nodes"});
  }
  std::vector<const json*> served;
  std::vector<std::string> repelling;
  for (const json* const node : selected) {
    const std::string taint = repelling_taint(module, *node);
    if (taint.empty()) {
      served.push_back(node);
    } else if (!taint.starts_with(kCordon)) {  // tolerates_cordons() is told of by itself
      repelling.push_back(fmt::format("{} ({})", name_of(*node), taint));
    }
  }
  if (!repelling.empty()) {
    report.add(served.empty() ? Severity::warning : Severity::note, subject,
               fmt::format("leaves out nodes whose taints it does not tolerate: {}",
                           fmt::join(repelling, ", ")),
               {.needed = "a toleration, where these nodes are to have the module",
                .remedy = "add it to spec.tolerations; but taints of node.kubernetes.io say that a "
                          "node is not well, and kubectl describe node shows why"});
  }
  return served;
}

// ---- Its images ----

bool maps(const json& mapping, const std::string& kernel) {
  if (text_at(mapping, {"literal"}) == kernel) return true;
  const std::string pattern = text_at(mapping, {"regexp"});
  if (pattern.empty()) return false;
  try {
    return std::regex_search(kernel, std::regex(pattern));
  } catch (const std::regex_error&) {
    return false;  // Go's expressions have more than these
  }
}

/// Kernels of the nodes for which the Module has no image.
std::set<std::string> unmapped_kernels(const json& module, const std::vector<const json*>& nodes) {
  std::set<std::string> unmapped;
  const json* const mappings = member(*container_of(module), {"kernelMappings"});
  for (const json* const node : nodes) {
    std::string kernel = text_at(*node, {"status", "nodeInfo", "kernelVersion"});
    if (kernel.ends_with('+')) kernel.pop_back();  // KMM looks without it
    const bool mapped =
        mappings != nullptr && mappings->is_array() &&
        std::ranges::any_of(*mappings, [&](const json& mapping) { return maps(mapping, kernel); });
    if (!kernel.empty() && !mapped) unmapped.insert(kernel);
  }
  return unmapped;
}

/// "namespace.name", as labels of nodes have it.
std::string label_name(const json& module) {
  return fmt::format("{}.{}", text_at(module, {"metadata", "namespace"}),
                     text_at(module, {"metadata", "name"}));
}

/// Reports the first of the nodes of a Module of a version that KMM leaves without any, since its
/// label does not say this version. A node with another version's label keeps what it has: where
/// that is, the module is ready, but for the time of a start. True: there was one.
bool report_version_label(const json& module, const std::string& counts,
                          const std::vector<const json*>& nodes, Report& report) {
  const std::string version = text_at(*container_of(module), {"version"});
  if (version.empty()) return false;
  const std::string label = "kmm.node.kubernetes.io/version-module." + label_name(module);
  const std::string ready = fmt::format("kmm.node.kubernetes.io/{}.ready", label_name(module));
  for (const json* const node : nodes) {
    const json* const has = member(*node, {"metadata", "labels", label});
    if (has != nullptr && *has == version) continue;
    if (has != nullptr && member(*node, {"metadata", "labels", ready}) != nullptr) continue;
    const std::string name = name_of(*node);
    report.add(
        Severity::error, "Module " + name_of(module),
        has == nullptr ? fmt::format("{}: {} has not the label {}", counts, name, label)
                       : fmt::format("{}: {} has the label {} of version {}", counts, name, label,
                                     has->dump()),
        {.needed = "a label that says which version a node is to have",
         .remedy = has == nullptr
                       ? fmt::format("kubectl label node {} {}={}", name, label, version)
                       : fmt::format("if it is to have {0} now: drain it, then kubectl label node "
                                     "--overwrite {1} {2}={0}",
                                     version, name, label)});
    return true;
  }
  return false;
}

/// A pod that pulls, builds or signs the image of a Module, or loads it, and gets no further:
/// "mock-accel-pull-pod-x7: ErrImagePull". Empty: there is none, or pods are not to be listed.
std::string stuck_pod(kube::Api& api, const json& module) {
  const std::string ns = text_at(module, {"metadata", "namespace"});
  const std::string name = text_at(module, {"metadata", "name"});
  for (const std::string& selector : {fmt::format("kmm.node.kubernetes.io/image-owner={}", name),
                                      fmt::format("kmm.node.kubernetes.io/module.name={}", name)}) {
    const Objects pods =
        list(api, {.version = "v1", .plural = "pods", .ns = ns}, {.label_selector = selector});
    if (!pods) continue;
    for (const json& pod : *pods) {
      const std::string state = state_of(pod);
      if (is_agent(pod) || is_ready(pod) || state == "Succeeded") continue;
      return fmt::format("{}: {}", name_of(pod), state);
    }
  }
  return "";
}

/// Reports why KMM wants a Module on fewer nodes than it selects, all of whose kernels it maps. No
/// nodes: they are not known.
void report_unwanted(const ClusterView& view, const json& module, const std::string& counts,
                     const std::vector<const json*>& nodes, Report& report) {
  std::string cause = stuck_pod(view.api, module);
  if (cause.empty() && report_version_label(module, counts, nodes, report)) return;
  if (cause.empty() && !nodes.empty()) {
    cause = "their image is not there yet, or something holds the module that they had";
  }
  report.add(Severity::error, "Module " + name_of(module),
             cause.empty() ? counts : fmt::format("{}: {}", counts, cause),
             compatibility().row("kmm").advice);
}

void check_counts(const ClusterView& view, const json& module,
                  const std::vector<const json*>& nodes, Report& report) {
  const std::string subject = "Module " + name_of(module);
  const auto count = [&](std::string_view what) {
    return number_at(module, {"status", "moduleLoader", what});
  };
  const auto matching = count("nodesMatchingSelectorNumber");
  const auto desired = count("desiredNumber");
  const auto available = count("availableNumber");
  if (desired < matching) {
    const std::string counts =
        fmt::format("KMM wants it on {} of the {} nodes that it selects", desired, matching);
    report_unwanted(view, module, counts, nodes, report);
  } else if (available < desired) {
    const std::string stuck = stuck_pod(view.api, module);
    report.add(Severity::warning, subject,
               fmt::format("is loaded on {} of {} nodes{}{}", available, desired,
                           stuck.empty() ? "" : ": ", stuck),
               compatibility().row("kmm").advice);
  } else {
    report.ok(subject, fmt::format("is loaded on {} nodes", available));
  }
}

void check_module(const ClusterView& view, const json& module, Report& report) {
  const std::string subject = "Module " + name_of(module);
  const std::string since = text_at(module, {"metadata", "deletionTimestamp"});
  if (!since.empty()) {
    report.add(Severity::error, subject,
               fmt::format("is being deleted since {}: something holds the kernel module", since),
               compatibility().row("kmm-deletion").advice);
    return;
  }
  if (!tolerates_cordons(module)) {
    report.add(Severity::warning, subject, "does not tolerate node.kubernetes.io/unschedulable",
               {.needed = "a toleration: without it a cordon unloads the module under its pods",
                .remedy = "add {key: node.kubernetes.io/unschedulable, operator: Exists, effect: "
                          "NoSchedule} to spec.tolerations"});
  }
  std::vector<const json*> nodes;
  if (view.nodes) {
    nodes = served_nodes(module, *view.nodes, report);
    const auto unmapped = unmapped_kernels(module, nodes);
    if (!unmapped.empty()) {
      report.add(Severity::error, subject,
                 fmt::format("no kernel mapping matches {}", fmt::join(unmapped, ", ")),
                 compatibility().row("kmm").advice);
      return;
    }
  }
  check_counts(view, module, nodes, report);
  check_namespace(view.api, text_at(module, {"metadata", "namespace"}), report);
}

/// Whether a group of the API is served; an error: can't be told.
kube::ApiResult<bool> is_served(kube::Api& api, std::string_view group) {
  const auto answer = api.get_path(fmt::format("/apis/{}", group));
  if (answer) return true;
  if (answer.error().is(kube::reason::kNotFound)) return false;
  return std::unexpected(answer.error());
}

}  // namespace

Objects list_modules(kube::Api& api) {
  return list(api, {.group = kKmmGroup, .version = "v1beta1", .plural = "modules"});
}

bool runs_agents(const json& module, const ClusterSettings& settings) {
  return text_at(module, {"spec", "dra", "driverName"}) == settings.driver;
}

Objects list_agents_of_modules(kube::Api& api, const ClusterSettings& settings,
                               const std::vector<json>& modules) {
  std::vector<json> agents;
  for (const json& module : modules) {
    if (!runs_agents(module, settings)) continue;
    Objects pods = list(
        api, {.version = "v1", .plural = "pods", .ns = text_at(module, {"metadata", "namespace"})},
        {.label_selector =
             fmt::format("kmm.node.kubernetes.io/module.name={},{}={}",
                         text_at(module, {"metadata", "name"}), kKmmRole, kKmmDriverRole)});
    if (!pods) return pods;
    std::ranges::move(*pods, std::back_inserter(agents));
  }
  return agents;
}

void check_kmm(const ClusterView& view, Report& report) {
  const auto served = is_served(view.api, kKmmGroup);
  if (!served) {
    report_unasked(report, fmt::format("get /apis/{}", kKmmGroup), served.error());
    return;
  }
  if (!*served) {
    report.ok("KMM", "is not installed; modules come by other ways");
    return;
  }
  const auto* const all = objects_or_note(view.modules, report, "list modules.kmm.sigs.x-k8s.io");
  if (all == nullptr) return;
  unsigned ours = 0;
  for (const json& module : *all) {
    if (!is_ours(module)) continue;
    ++ours;
    check_module(view, module, report);
  }
  report.ok("KMM", fmt::format("{} Modules of mock-accel", ours));
}

void check_cert_manager(const ClusterView& view, Report& report) {
  const auto kmm = is_served(view.api, kKmmGroup);
  const auto cert_manager = is_served(view.api, "cert-manager.io");
  if (!kmm || !cert_manager) {
    report_unasked(report, "get /apis", kmm ? cert_manager.error() : kmm.error());
  } else if (*cert_manager || !*kmm) {
    report.ok("cert-manager", *cert_manager ? "is installed" : "is not needed without KMM");
  } else {
    report.add(Severity::note, "cert-manager", "is not installed, and KMM is",
               compatibility().row("cert-manager").advice);
  }
}

}  // namespace mockdev::cluster_doctor
