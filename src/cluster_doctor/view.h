// SPDX-License-Identifier: Apache-2.0
// What is known of a cluster: asked once, for all checks.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cluster_doctor/cluster.h"
#include "doctor/report.h"
#include "kube/api.h"
#include "kube/api_versions.h"

namespace mockdev::cluster_doctor {

using doctor::Advice;
using doctor::Report;
using doctor::Severity;
using nlohmann::json;

/// Label of the pods that Kernel Module Management makes, and its value where the pod is a
/// driver's.
inline constexpr std::string_view kKmmRole = "kmm.node.kubernetes.io/role";
inline constexpr std::string_view kKmmDriverRole = "dra";

/// The objects of a collection, or why there are none.
using Objects = kube::ApiResult<std::vector<json>>;

/// What a node's agent says: the page /doctor of its pod.
struct AgentReport {
  std::string node;
  std::string pod;  ///< "namespace/name"
  kube::ApiResult<json> page;
};

struct ClusterView {
  kube::Api& api;
  const ClusterSettings& settings;
  kube::ServerVersion server;
  kube::ApiResult<std::string> resource_api;  ///< "v1"; an error: none is served
  Objects nodes;                              ///< all but simulated ones
  Objects modules;                            ///< of Kernel Module Management, in all namespaces
  Objects pods;                               ///< of mock-device
  Objects daemon_sets;                        ///< of mock-device
  Objects slices;                             ///< of this driver, without those of simulated nodes
  std::set<std::string> simulated_pools;      ///< those of simulated nodes
  std::vector<AgentReport> reports;
};

/// A collection as a list.
[[nodiscard]] Objects list(kube::Api& api, const kube::Resource& collection,
                           const kube::ListOptions& options = {});

/// The objects; nullptr if they could not be asked for, which is reported: `right` is what it
/// takes, "list nodes".
[[nodiscard]] const std::vector<json>* objects_or_note(const Objects& objects, Report& report,
                                                       const std::string& right);

/// Reports that something could not be asked for. One that is not there is the caller's to judge.
void report_unasked(Report& report, const std::string& right, const kube::ApiError& error);

/// "namespace/name", or the name alone.
[[nodiscard]] std::string name_of(const json& object);

/// What runs node agents: DaemonSets of mock-device, and Modules that do. Pointers into the view.
[[nodiscard]] std::vector<const json*> installations(const ClusterView& view);

/// The Helm release that an object is of; empty: of none that is known.
[[nodiscard]] std::string release_of(const json& object);

/// What installs mock-device in this cluster.
[[nodiscard]] std::string how_to_install(const ClusterView& view);

/// What brings back an object that an installation has: its Helm release, or a file of deploy/.
[[nodiscard]] std::string remedy_of(const ClusterView& view, std::string_view file);

/// The Modules of Kernel Module Management.
[[nodiscard]] Objects list_modules(kube::Api& api);

/// Pods of mock-device: node agents, whoever runs them, and controllers. Without `modules` those
/// are missing that Modules run, and check_kmm() says why.
[[nodiscard]] Objects list_pods(kube::Api& api, const ClusterSettings& settings,
                                const Objects& modules);

/// Whether KMM runs this driver's node agents by a Module.
[[nodiscard]] bool runs_agents(const json& module, const ClusterSettings& settings);

/// Pods of node agents that Modules run (`spec.dra`).
[[nodiscard]] Objects list_agents_of_modules(kube::Api& api, const ClusterSettings& settings,
                                             const std::vector<json>& modules);

/// Whether a pod is a node agent; the others are controllers.
[[nodiscard]] bool is_agent(const json& pod);
[[nodiscard]] bool is_ready(const json& pod);
/// What a node or pod says of its being ready; nullptr: nothing.
[[nodiscard]] const json* ready_condition(const json& object);

/// What a container of a pod waits for, else its phase: "ErrImagePull", "Succeeded".
[[nodiscard]] std::string state_of(const json& pod);

/// Asks the agent of a pod how its node is.
[[nodiscard]] AgentReport ask_agent(kube::Api& api, const json& pod);

/// Whether pods that mount folders of the host, or load modules, are let into a namespace. False:
/// it can't be asked for, which is reported.
bool check_namespace(kube::Api& api, const std::string& name, Report& report);

/// One check a function. Each makes at least one finding.
void check_server(const ClusterView& view, Report& report);
void check_resource_api(const ClusterView& view, Report& report);
void check_gates(const ClusterView& view, Report& report);
void check_nodes(const ClusterView& view, Report& report);
void check_device_classes(const ClusterView& view, Report& report);
void check_agents(const ClusterView& view, Report& report);
void check_controllers(const ClusterView& view, Report& report);
void check_reports(const ClusterView& view, Report& report);
void check_versions(const ClusterView& view, Report& report);
void check_installations(const ClusterView& view, Report& report);
void check_slices(const ClusterView& view, Report& report);
void check_claims(const ClusterView& view, Report& report);
void check_agent_rights(const ClusterView& view, Report& report);
void check_admission_policy(const ClusterView& view, Report& report);
void check_pod_security(const ClusterView& view, Report& report);
void check_kmm(const ClusterView& view, Report& report);
void check_cert_manager(const ClusterView& view, Report& report);

}  // namespace mockdev::cluster_doctor
