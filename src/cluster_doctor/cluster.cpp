// SPDX-License-Identifier: Apache-2.0
#include "cluster_doctor/cluster.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cluster_doctor/view.h"
#include "kube/json_access.h"
#include "kube/url.h"

namespace mockdev::cluster_doctor {
namespace {

using doctor::Check;
using kube::member;
using kube::text_at;

constexpr std::string_view kRights =
    "deploy/doctor.yaml has a role with all rights that are asked for";

/// An annotation of what Helm has made.
constexpr std::string_view kReleaseNamespace = "meta.helm.sh/release-namespace";

/// Whether an object is of a node that no machine is behind.
bool is_simulated(const ClusterSettings& settings, const json& object) {
  return member(object, {"metadata", "labels", settings.driver + "/simulated"}) != nullptr;
}

void drop_simulated(const ClusterSettings& settings, Objects& objects) {
  if (!objects) return;
  std::erase_if(*objects, [&](const json& object) { return is_simulated(settings, object); });
}

std::set<std::string> simulated_pools(const ClusterSettings& settings, const Objects& slices) {
  std::set<std::string> pools;
  if (!slices) return pools;
  for (const json& slice : *slices) {
    if (is_simulated(settings, slice)) pools.insert(text_at(slice, {"spec", "pool", "name"}));
  }
  return pools;
}

/// Whether the cluster knows what the files of deploy/ are written in.
bool takes_deploy(const ClusterView& view) {
  return !view.resource_api || *view.resource_api == "v1";
}

Objects list_slices(kube::Api& api, const ClusterSettings& settings,
                    const kube::ApiResult<std::string>& version) {
  if (!version) return std::unexpected(version.error());
  return list(
      api,
      {.group = std::string(kube::kResourceGroup), .version = *version, .plural = "resourceslices"},
      {.field_selector = "spec.driver=" + settings.driver});
}

ClusterView look(kube::Api& api, const ClusterSettings& settings, kube::ServerVersion server) {
  ClusterView view{
      .api = api,
      .settings = settings,
      .server = std::move(server),
      .resource_api = kube::resource_api_version(api),
      .nodes = list(api, {.version = "v1", .plural = "nodes"}),
      .modules = list_modules(api),
      .pods = {},
      .daemon_sets = list(api, {.group = "apps", .version = "v1", .plural = "daemonsets"},
                          {.label_selector = settings.selector}),
      .slices = {},
      .simulated_pools = {},
      .reports = {}};
  drop_simulated(settings, view.nodes);
  view.pods = list_pods(api, settings, view.modules);
  view.slices = list_slices(api, settings, view.resource_api);
  view.simulated_pools = simulated_pools(settings, view.slices);
  drop_simulated(settings, view.slices);
  if (!view.pods) return view;
  for (const json& pod : *view.pods) {
    if (is_agent(pod) && is_ready(pod)) view.reports.push_back(ask_agent(api, pod));
  }
  return view;
}

constexpr std::array<Check<ClusterView>, 17> kClusterChecks = {{
    {"cluster.server", "the API server's version", check_server},
    {"cluster.resource-api", "the versions of resource.k8s.io that are served", check_resource_api},
    {"cluster.gates", "the feature gates of the API server that matter here", check_gates},
    {"cluster.nodes", "the versions of kubelets, container runtimes and kernels", check_nodes},
    {"cluster.device-classes", "DeviceClasses of this driver", check_device_classes},
    {"cluster.installations", "whether mock-device is installed once", check_installations},
    {"cluster.agents", "node agents: one on each node, and ready", check_agents},
    {"cluster.controllers", "the controllers", check_controllers},
    {"cluster.reports", "what the node agents themselves find", check_reports},
    {"cluster.versions", "versions of agents, modules and controllers beside this program's",
     check_versions},
    {"cluster.slices", "ResourceSlices: complete, each device once, as the nodes' sysfs says",
     check_slices},
    {"cluster.claims", "claims that can't end, or whose device is gone", check_claims},
    {"cluster.agent-rights", "what the agents' service account may do", check_agent_rights},
    {"cluster.admission-policy", "the policy that holds an agent to its own node",
     check_admission_policy},
    {"cluster.pod-security", "Pod Security of the namespaces", check_pod_security},
    {"cluster.kmm", "Kernel Module Management and its Modules of mock-accel", check_kmm},
    {"cluster.cert-manager", "cert-manager, where KMM may need it", check_cert_manager},
}};

}  // namespace

Objects list(kube::Api& api, const kube::Resource& collection, const kube::ListOptions& options) {
  auto listed = api.list(collection, options);
  if (!listed) return std::unexpected(std::move(listed.error()));
  std::vector<json> objects;
  for (json& object : (*listed)["items"]) objects.push_back(std::move(object));
  return objects;
}

void report_unasked(Report& report, const std::string& right, const kube::ApiError& error) {
  const bool forbidden =
      error.is(kube::reason::kForbidden) || error.is(kube::reason::kUnauthorized);
  report.add(Severity::note, "this user",
             forbidden ? fmt::format("may not {}", right) : error.message,
             {.needed = fmt::format("the right to {}", right),
              .remedy = forbidden ? std::string(kRights) : std::string()});
}

const std::vector<json>* objects_or_note(const Objects& objects, Report& report,
                                         const std::string& right) {
  if (objects) return &*objects;
  report_unasked(report, right, objects.error());
  return nullptr;
}

std::string name_of(const json& object) {
  const std::string ns = text_at(object, {"metadata", "namespace"});
  const std::string name = text_at(object, {"metadata", "name"});
  return ns.empty() ? name : fmt::format("{}/{}", ns, name);
}

Objects list_pods(kube::Api& api, const ClusterSettings& settings, const Objects& modules) {
  Objects pods =
      list(api, {.version = "v1", .plural = "pods"}, {.label_selector = settings.selector});
  if (!pods || !modules) return pods;
  Objects agents = list_agents_of_modules(api, settings, *modules);
  if (!agents) return agents;
  std::ranges::move(*agents, std::back_inserter(*pods));
  return pods;
}

std::vector<const json*> installations(const ClusterView& view) {
  std::vector<const json*> installed;
  if (view.daemon_sets) {
    for (const json& set : *view.daemon_sets) installed.push_back(&set);
  }
  if (view.modules) {
    for (const json& module : *view.modules) {
      if (runs_agents(module, view.settings)) installed.push_back(&module);
    }
  }
  return installed;
}

std::string how_to_install(const ClusterView& view) {
  return takes_deploy(view) ? "kubectl apply -k deploy, or helm install"
                            : "helm install: deploy/ is for Kubernetes from 1.34 on";
}

std::string remedy_of(const ClusterView& view, std::string_view file) {
  for (const json* const object : installations(view)) {
    const std::string release = release_of(*object);
    if (release.empty()) continue;
    return fmt::format(
        "helm upgrade --reset-then-reuse-values --namespace {} {} CHART puts it back, unless the "
        "values switch it off",
        text_at(*object, {"metadata", "annotations", kReleaseNamespace}), release);
  }
  return takes_deploy(view) ? fmt::format("kubectl apply -f deploy/{}", file)
                            : how_to_install(view);
}

std::string release_of(const json& object) {
  return text_at(object, {"metadata", "annotations", "meta.helm.sh/release-name"});
}

bool is_agent(const json& pod) {
  return text_at(pod, {"metadata", "labels", "app.kubernetes.io/component"}) == "node-agent" ||
         text_at(pod, {"metadata", "labels", kKmmRole}) == kKmmDriverRole;
}

const json* ready_condition(const json& object) {
  const json* const conditions = member(object, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return nullptr;
  const auto found = std::ranges::find_if(
      *conditions, [](const json& condition) { return text_at(condition, {"type"}) == "Ready"; });
  return found == conditions->end() ? nullptr : &*found;
}

bool is_ready(const json& pod) {
  const json* const condition = ready_condition(pod);
  return condition != nullptr && text_at(*condition, {"status"}) == "True";
}

std::string state_of(const json& pod) {
  for (const std::string_view containers : {"initContainerStatuses", "containerStatuses"}) {
    const json* const statuses = member(pod, {"status", containers});
    if (statuses == nullptr || !statuses->is_array()) continue;
    for (const json& status : *statuses) {
      const std::string reason = text_at(status, {"state", "waiting", "reason"});
      // A container waits for those before it, too.
      if (!reason.empty() && reason != "PodInitializing") return reason;
    }
  }
  const std::string phase = text_at(pod, {"status", "phase"});
  if (phase.empty()) return "not started";
  return phase == "Running" ? "running, not ready" : phase;
}

AgentReport ask_agent(kube::Api& api, const json& pod) {
  constexpr std::int64_t kUsualPort = 8080;
  std::int64_t port = kUsualPort;
  for (const json& container : pod.at("spec").value("containers", json::array())) {
    for (const json& one : container.value("ports", json::array())) {
      if (text_at(one, {"name"}) == "http") port = kube::number_at(one, {"containerPort"});
    }
  }
  const std::string path = fmt::format("/api/v1/namespaces/{}/pods/{}:{}/proxy/doctor",
                                       kube::escaped(text_at(pod, {"metadata", "namespace"})),
                                       kube::escaped(text_at(pod, {"metadata", "name"})), port);
  return {
      .node = text_at(pod, {"spec", "nodeName"}), .pod = name_of(pod), .page = api.get_path(path)};
}

void check_cluster(kube::Api& api, const ClusterSettings& settings, Report& report) {
  auto server = kube::server_version(api);
  if (!server) {
    report.begin(kClusterChecks[0].id);
    report.add(
        Severity::error, "API server", server.error().message,
        {.needed = "an API server that answers",
         .remedy = "--kubeconfig names the cluster; kubectl version shows whether it works"});
    return;
  }
  run_checks(kClusterChecks, look(api, settings, std::move(*server)), report);
}

std::vector<doctor::CheckText> cluster_checks() {
  return texts_of(kClusterChecks);
}

void check_node_of_cluster(kube::Api& api, const ClusterSettings& settings, const std::string& node,
                           Report& report) {
  report.begin("cluster.agents");
  const Objects pods = list_pods(api, settings, list_modules(api));
  const auto* const all = objects_or_note(pods, report, "list pods");
  if (all == nullptr) return;
  const auto here = std::ranges::find_if(*all, [&](const json& pod) {
    return is_agent(pod) && text_at(pod, {"spec", "nodeName"}) == node;
  });
  if (here == all->end()) {
    report.add(Severity::error, node, "no node agent has a pod on this node",
               {.needed = "a pod of the node agent",
                .remedy = "kubectl get nodes shows whether there is such a node; look at its "
                          "taints, and at the DaemonSet's events"});
    return;
  }
  report.begin("cluster.reports");
  const AgentReport answer = ask_agent(api, *here);
  if (!answer.page) {
    report_unasked(report, "get pods/proxy", answer.page.error());
  } else if (auto added = add_from_json(*answer.page, report); !added) {
    report.add(Severity::error, node,
               fmt::format("what {} says is no report: {}", answer.pod, added.error().message),
               {.needed = "a node agent of this version", .remedy = "upgrade it"});
  }
}

}  // namespace mockdev::cluster_doctor
