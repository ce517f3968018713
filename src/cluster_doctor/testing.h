// SPDX-License-Identifier: Apache-2.0
// A cluster for tests of the doctor.
#pragma once

#include <gtest/gtest.h>

#include "cluster_doctor/cluster.h"
#include "doctor/testing.h"
#include "kube/fake_api.h"

namespace mockdev::cluster_doctor {

using doctor::Finding;
using doctor::Report;
using doctor::Severity;
using kube::Resource;
using nlohmann::json;

inline constexpr const char* kProxy =
    "/api/v1/namespaces/mock-device/pods/agent-0:8080/proxy/doctor";
inline constexpr const char* kUuid = "123e4567-e89b-12d3-a456-426614174000";

inline const Resource kPods{.version = "v1", .plural = "pods", .ns = "mock-device"};
inline const Resource kSlices{
    .group = "resource.k8s.io", .version = "v1", .plural = "resourceslices"};
inline const Resource kClasses{
    .group = "resource.k8s.io", .version = "v1", .plural = "deviceclasses"};
inline const Resource kClaims{
    .group = "resource.k8s.io", .version = "v1", .plural = "resourceclaims", .ns = "default"};
inline const Resource kDaemonSets{
    .group = "apps", .version = "v1", .plural = "daemonsets", .ns = "mock-device"};
inline const Resource kModules{
    .group = "kmm.sigs.x-k8s.io", .version = "v1beta1", .plural = "modules", .ns = "mock-device"};
inline const Resource kNodes{.version = "v1", .plural = "nodes"};

inline json pod(const std::string& name, const std::string& component, const std::string& image) {
  return {
      {"metadata",
       {{"name", name},
        {"labels",
         {{"app.kubernetes.io/name", "mock-device"}, {"app.kubernetes.io/component", component}}}}},
      {"spec",
       {{"nodeName", "node0"},
        {"serviceAccountName", "agent"},
        {"containers", {{{"name", "x"}, {"image", image}}}}}},
      {"status",
       {{"phase", "Running"}, {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
}

inline json daemon_set(const std::string& name) {
  return {{"metadata",
           {{"namespace", "mock-device"},
            {"name", name},
            {"labels", {{"app.kubernetes.io/name", "mock-device"}}}}}};
}

inline json slice(const std::string& name, int generation, int count,
                  const std::string& pool = "node0", const std::string& uuid = kUuid) {
  return {{"metadata", {{"name", name}}},
          {"spec",
           {{"driver", "mock-accel.example.com"},
            {"nodeName", "node0"},
            {"pool", {{"name", pool}, {"generation", generation}, {"resourceSliceCount", count}}},
            {"devices",
             {{{"name", "mock0"},
               {"attributes", {{"mock-accel.example.com/uuid", {{"string", uuid}}}}}}}}}}};
}

/// A cluster in which all is well, until a test breaks something.
class ClusterDoctor : public testing::Test {
 protected:
  ClusterDoctor() {
    serve("36", {"v1"});
    api_.texts["/metrics"] =
        "# HELP kubernetes_feature_enabled x\n"
        "kubernetes_feature_enabled{name=\"DRADeviceTaints\",stage=\"BETA\"} 1\n";
    api_.on_store = [this](json& object) {
      if (object.value("kind", "") != "SubjectAccessReview") return;
      const auto group = object["spec"]["resourceAttributes"]["group"].get<std::string>();
      object["status"]["allowed"] = allowed_ && group != denied_group_;
    };
    put(kNodes, {{"metadata", {{"name", "node0"}, {"labels", {{"accel", "yes"}}}}},
                 {"status",
                  {{"nodeInfo",
                    {{"kubeletVersion", "v1.36.3"},
                     {"containerRuntimeVersion", "containerd://1.7.24"},
                     {"kernelVersion", "6.12.117+deb13-amd64"}}}}}});
    put(kPods, pod("agent-0", "node-agent", "x/driver:" MOCK_DEVICE_VERSION));
    put(kPods, pod("controller-0", "controller", "x/driver:" MOCK_DEVICE_VERSION));
    put(kDaemonSets, daemon_set("agent"));
    put(kClasses, {{"metadata", {{"name", "any"}}},
                   {"spec", {{"cel", "device.driver == \"mock-accel.example.com\""}}}});
    put(kSlices, slice("a", 1, 1));
    put({.version = "v1", .plural = "namespaces"},
        {{"metadata",
          {{"name", "mock-device"},
           {"labels", {{"pod-security.kubernetes.io/enforce", "privileged"}}}}}});
    put({.group = "admissionregistration.k8s.io",
         .version = "v1",
         .plural = "validatingadmissionpolicies"},
        {{"metadata", {{"name", "own-node"}}},
         {"spec",
          {{"resources", {"resourceslices"}},
           {"user", "system:serviceaccount:mock-device:agent"}}}});
    put({.group = "admissionregistration.k8s.io",
         .version = "v1",
         .plural = "validatingadmissionpolicybindings"},
        {{"metadata", {{"name", "own-node"}}}, {"spec", {{"policyName", "own-node"}}}});
    api_.paths[kProxy] = report_of(MOCK_DEVICE_VERSION);
  }

  static json report_of(const std::string& version) {
    return {{"version", version},
            {"node", "node0"},
            {"devices", {{{"name", "mock0"}, {"pool", "node0"}, {"uuid", kUuid}}}},
            {"findings", json::array()}};
  }

  void serve(const std::string& minor, const std::vector<std::string>& versions) {
    api_.paths["/version"] = {
        {"major", "1"}, {"minor", minor}, {"gitVersion", "v1." + minor + ".3"}};
    json list = json::array();
    for (const std::string& version : versions) {
      list.push_back({{"version", version}});
      api_.paths["/apis/resource.k8s.io/" + version] = {
          {"resources", {{{"name", "resourceslices"}}, {{"name", "resourceclaims"}}}}};
    }
    api_.paths["/apis/resource.k8s.io"] = {{"versions", list}};
  }

  void put(const Resource& collection, const json& object) {
    ASSERT_TRUE(api_.create(collection, object));
  }
  void change(const Resource& object, const json& patch) { ASSERT_TRUE(api_.patch(object, patch)); }
  void remove(const Resource& object) { ASSERT_TRUE(api_.remove(object)); }

  /// KMM is there, with a Module of mock-accel.
  void put_module(const json& mappings, const json& more = json::object()) {
    api_.paths["/apis/kmm.sigs.x-k8s.io"] = json::object();
    json module = {
        {"metadata", {{"name", "mock-accel"}}},
        {"spec",
         {{"selector", {{"accel", "yes"}}},
          {"tolerations", {{{"key", "node.kubernetes.io/unschedulable"}, {"operator", "Exists"}}}},
          {"moduleLoader",
           {{"container",
             {{"modprobe", {{"moduleName", "mock-accel"}}}, {"kernelMappings", mappings}}}}}}},
        {"status",
         {{"moduleLoader",
           {{"nodesMatchingSelectorNumber", 1}, {"desiredNumber", 1}, {"availableNumber", 1}}}}}};
    module.merge_patch(more);
    put(kModules, module);
  }

  /// A version of the Helm release "md".
  void put_release(const std::string& version, const std::string& status) {
    put({.version = "v1", .plural = "secrets", .ns = "mock-device"},
        {{"metadata",
          {{"name", "sh.helm.release.v1.md.v" + version},
           {"labels",
            {{"owner", "helm"}, {"name", "md"}, {"status", status}, {"version", version}}}}}});
  }

  /// A pod that KMM has made for the Module.
  void put_kmm_pod(const std::string& name, const std::string& label, const std::string& phase,
                   const std::string& waits_for = "") {
    json made = {{"metadata", {{"name", name}, {"labels", {{label, "mock-accel"}}}}},
                 {"status", {{"phase", phase}}}};
    if (!waits_for.empty()) {
      made["status"]["initContainerStatuses"] = {
          {{"state", {{"waiting", {{"reason", waits_for}}}}}}};
    }
    put(kPods, made);
  }

  /// The user may not list these.
  void forbid(const std::string& plural) {
    api_.before = [plural](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
      if (call.resource.plural != plural) return std::nullopt;
      return kube::ApiError{
          .status = 403, .reason = std::string(kube::reason::kForbidden), .message = "no"};
    };
  }

  Report look() {
    Report report;
    check_cluster(api_, {}, report);
    return report;
  }
  Finding finding(std::string_view id) { return worst_finding(look(), id); }

  kube::FakeApi api_;
  bool allowed_ = true;
  std::string denied_group_ = "none";
};

}  // namespace mockdev::cluster_doctor
