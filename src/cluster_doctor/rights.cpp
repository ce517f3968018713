// SPDX-License-Identifier: Apache-2.0
// Who may do what.
#include <algorithm>
#include <array>
#include <set>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster_doctor/view.h"
#include "doctor/compatibility.h"
#include "kube/json_access.h"

namespace mockdev::cluster_doctor {
namespace {

using kube::member;
using kube::text_at;

/// "system:serviceaccount:mock-device:mock-accel-node-agent", of each agent's pod.
std::set<std::string> agents_users(const ClusterView& view) {
  std::set<std::string> users;
  if (!view.pods) return users;
  for (const json& pod : *view.pods) {
    if (!is_agent(pod)) continue;
    const std::string account = text_at(pod, {"spec", "serviceAccountName"});
    users.insert(fmt::format("system:serviceaccount:{}:{}", text_at(pod, {"metadata", "namespace"}),
                             account.empty() ? "default" : account));
  }
  return users;
}

struct Right {
  std::string_view group;
  std::string_view resource;
  std::string_view verb;
};
/// What the node agent can't do without; deploy/rbac.yaml has the same.
constexpr std::array<Right, 9> kAgentRights = {{
    {"", "nodes", "get"},
    {"resource.k8s.io", "resourceslices", "get"},
    {"resource.k8s.io", "resourceslices", "list"},
    {"resource.k8s.io", "resourceslices", "watch"},
    {"resource.k8s.io", "resourceslices", "create"},
    {"resource.k8s.io", "resourceslices", "update"},
    {"resource.k8s.io", "resourceslices", "delete"},
    {"resource.k8s.io", "resourceclaims", "get"},
    {"resource.k8s.io", "resourceclaims", "list"},
}};
/// What it does besides, but with --no-claim-events.
constexpr std::array<Right, 2> kEventRights = {{
    {"events.k8s.io", "events", "create"},
    {"events.k8s.io", "events", "patch"},
}};

kube::ApiResult<bool> may(kube::Api& api, const std::string& user, const Right& right) {
  const json attributes = {
      {"group", right.group}, {"resource", right.resource}, {"verb", right.verb}};
  const auto answer = api.create(
      {.group = "authorization.k8s.io", .version = "v1", .plural = "subjectaccessreviews"},
      {{"apiVersion", "authorization.k8s.io/v1"},
       {"kind", "SubjectAccessReview"},
       {"spec",
        {{"user", user},
         {"groups", {"system:serviceaccounts", "system:authenticated"}},
         {"resourceAttributes", attributes}}}});
  if (!answer) return std::unexpected(answer.error());
  const json* const allowed = member(*answer, {"status", "allowed"});
  return allowed != nullptr && allowed->is_boolean() && allowed->get<bool>();
}

/// Those of `rights` that `user` does not have, as "verb resource".
kube::ApiResult<std::vector<std::string>> missing_of(kube::Api& api, const std::string& user,
                                                     std::span<const Right> rights) {
  std::vector<std::string> missing;
  for (const Right& right : rights) {
    const auto allowed = may(api, user, right);
    if (!allowed) return std::unexpected(allowed.error());
    if (!*allowed) missing.push_back(fmt::format("{} {}", right.verb, right.resource));
  }
  return missing;
}

/// Whether an admission policy looks at what this user does to slices.
bool is_about(const json& policy, const std::string& user) {
  const std::string text = policy.value("spec", json::object()).dump();
  return text.contains("\"resourceslices\"") && text.contains(user);
}

constexpr const char* kAdmission = "admissionregistration.k8s.io";

}  // namespace

void check_agent_rights(const ClusterView& view, Report& report) {
  const auto users = agents_users(view);
  for (const std::string& user : users) {
    const auto missing = missing_of(view.api, user, kAgentRights);
    const auto silent = missing_of(view.api, user, kEventRights);
    if (!missing || !silent) {
      report_unasked(report, "create subjectaccessreviews", (missing ? silent : missing).error());
      return;
    }
    if (missing->empty()) {
      report.ok(user, "may do all that a node agent does");
    } else {
      report.add(Severity::error, user, fmt::format("may not {}", fmt::join(*missing, ", ")),
                 {.needed = "the rights of a node agent", .remedy = remedy_of(view, "rbac.yaml")});
    }
    if (!silent->empty()) {
      report.add(Severity::note, user,
                 fmt::format("may not {}: claims get no events of their devices",
                             fmt::join(*silent, ", ")));
    }
  }
  if (users.empty()) report.add(Severity::note, "node agents", "there is none to ask for");
}

void check_admission_policy(const ClusterView& view, Report& report) {
  const Objects policies = list(
      view.api, {.group = kAdmission, .version = "v1", .plural = "validatingadmissionpolicies"});
  const Objects bindings =
      list(view.api,
           {.group = kAdmission, .version = "v1", .plural = "validatingadmissionpolicybindings"});
  const auto* const all = objects_or_note(policies, report, "list validatingadmissionpolicies");
  const auto* const bound =
      objects_or_note(bindings, report, "list validatingadmissionpolicybindings");
  if (all == nullptr || bound == nullptr) return;
  const auto users = agents_users(view);
  for (const std::string& user : users) {
    const auto holds = [&](const json& policy) {
      return is_about(policy, user) && std::ranges::any_of(*bound, [&](const json& binding) {
               return text_at(binding, {"spec", "policyName"}) == name_of(policy);
             });
    };
    const auto found = std::ranges::find_if(*all, holds);
    if (found != all->end()) {
      report.ok(user, "is held to its own node by " + name_of(*found));
    } else {
      report.add(Severity::warning, user,
                 "no admission policy holds it to the slices of its own node",
                 {.needed = "a policy, since RBAC can't tell one node's slices from another's",
                  .remedy = remedy_of(view, "admission-policy.yaml")});
    }
  }
  if (users.empty()) report.add(Severity::note, "node agents", "there is none to hold");
}

bool check_namespace(kube::Api& api, const std::string& name, Report& report) {
  const auto object = api.get({.version = "v1", .plural = "namespaces", .name = name});
  if (!object) {
    report_unasked(report, "get namespaces", object.error());
    return false;
  }
  const std::string level =
      text_at(*object, {"metadata", "labels", "pod-security.kubernetes.io/enforce"});
  if (level == "privileged") {
    report.ok("namespace " + name, "enforces privileged");
  } else {
    // Without the label it is the cluster's default that counts, which nobody can ask for.
    report.add(level.empty() ? Severity::note : Severity::error, "namespace " + name,
               level.empty() ? "has no label of Pod Security" : "enforces " + level,
               doctor::compatibility().row("pod-security").advice);
  }
  return true;
}

void check_pod_security(const ClusterView& view, Report& report) {
  std::set<std::string> namespaces;
  if (view.pods) {
    for (const json& pod : *view.pods) {
      if (is_agent(pod)) namespaces.insert(text_at(pod, {"metadata", "namespace"}));
    }
  }
  // Where agents should be and may not.
  if (view.daemon_sets) {
    for (const json& set : *view.daemon_sets) {
      namespaces.insert(text_at(set, {"metadata", "namespace"}));
    }
  }
  for (const std::string& name : namespaces) {
    if (!check_namespace(view.api, name, report)) return;
  }
  if (namespaces.empty()) report.add(Severity::note, "namespaces", "no agent is in any");
}

}  // namespace mockdev::cluster_doctor
