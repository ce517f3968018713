// SPDX-License-Identifier: Apache-2.0
#include "cluster_doctor/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/testing.h"
#include "kube/fake_api.h"

namespace mockdev::cluster_doctor {
namespace {

using doctor::Finding;
using doctor::Report;
using doctor::Severity;
using kube::Resource;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kProxy = "/api/v1/namespaces/mock-device/pods/agent-0:8080/proxy/doctor";
constexpr const char* kUuid = "123e4567-e89b-12d3-a456-426614174000";

const Resource kPods{.version = "v1", .plural = "pods", .ns = "mock-device"};
const Resource kSlices{.group = "resource.k8s.io", .version = "v1", .plural = "resourceslices"};
const Resource kClasses{.group = "resource.k8s.io", .version = "v1", .plural = "deviceclasses"};
const Resource kClaims{
    .group = "resource.k8s.io", .version = "v1", .plural = "resourceclaims", .ns = "default"};
const Resource kDaemonSets{
    .group = "apps", .version = "v1", .plural = "daemonsets", .ns = "mock-device"};
const Resource kModules{
    .group = "kmm.sigs.x-k8s.io", .version = "v1beta1", .plural = "modules", .ns = "mock-device"};
const Resource kNodes{.version = "v1", .plural = "nodes"};

json pod(const std::string& name, const std::string& component, const std::string& image) {
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

json daemon_set(const std::string& name) {
  return {{"metadata",
           {{"namespace", "mock-device"},
            {"name", name},
            {"labels", {{"app.kubernetes.io/name", "mock-device"}}}}}};
}

json slice(const std::string& name, int generation, int count, const std::string& pool = "node0",
           const std::string& uuid = kUuid) {
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

TEST_F(ClusterDoctor, FindsNothingWrongWithAHealthyCluster) {
  const Report report = look();
  for (const Finding& one : report.findings()) {
    EXPECT_EQ(one.severity, Severity::ok) << one.id << ": " << one.subject << " " << one.found;
  }
  for (const doctor::CheckText& check : cluster_checks()) {
    EXPECT_EQ(worst_finding(report, check.id).id, check.id);
  }
}

TEST_F(ClusterDoctor, SaysThatNobodyAnswers) {
  api_.paths.erase("/version");
  EXPECT_EQ(finding("cluster.server").severity, Severity::error);
  EXPECT_EQ(look().findings().size(), 1U);
}

TEST_F(ClusterDoctor, RefusesAnOldServer) {
  serve("29", {"v1alpha2"});
  EXPECT_EQ(finding("cluster.server").severity, Severity::error);
  EXPECT_EQ(finding("cluster.resource-api").severity, Severity::error);
  EXPECT_THAT(finding("cluster.resource-api").advice.remedy, HasSubstr("--runtime-config"));
  EXPECT_EQ(finding("cluster.slices").severity, Severity::note);
}

TEST_F(ClusterDoctor, SeesGatesThatSomebodyClosed) {
  api_.texts["/metrics"] =
      "kubernetes_feature_enabled{name=\"DRADeviceTaints\",stage=\"BETA\"} 0\n";
  EXPECT_EQ(finding("cluster.gates").severity, Severity::warning);
  serve("34", {"v1"});  // there it is closed by default
  EXPECT_EQ(finding("cluster.gates").severity, Severity::note);
  api_.texts["/metrics"] =
      "kubernetes_feature_enabled{name=\"DynamicResourceAllocation\",stage=\"BETA\"} 0\n";
  EXPECT_EQ(finding("cluster.gates").severity, Severity::error);
}

TEST_F(ClusterDoctor, MissesAKubelet) {
  const auto become = [this](const std::string& status, const std::string& reason) {
    change(kNodes.named("node0"),
           {{"status",
             {{"conditions", {{{"type", "Ready"}, {"status", status}, {"reason", reason}}}}}}});
  };
  become("True", "KubeletReady");
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::ok);
  become("Unknown", "NodeStatusNeverUpdated");
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::ok);
  become("Unknown", "NodeStatusUnknown");
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::warning);
  EXPECT_EQ(finding("cluster.nodes").found, "is not ready: NodeStatusUnknown");
}

TEST_F(ClusterDoctor, ComparesKubeletsWithTheServer) {
  const auto with = [](const char* version) {
    return json{{"status", {{"nodeInfo", {{"kubeletVersion", version}}}}}};
  };
  change(kNodes.named("node0"), with("v1.37.0"));
  EXPECT_THAT(finding("cluster.nodes").found, HasSubstr("newer than the API server"));
  change(kNodes.named("node0"), with("v1.32.0"));
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::warning);
  change(kNodes.named("node0"), with("v1.33.0"));
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::ok);
}

TEST_F(ClusterDoctor, ComparesRuntimesAndKernels) {
  const auto with = [](const char* what, const char* value) {
    return json{{"status", {{"nodeInfo", {{what, value}}}}}};
  };
  change(kNodes.named("node0"), with("containerRuntimeVersion", "containerd://1.6.33"));
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::error);
  change(kNodes.named("node0"), with("containerRuntimeVersion", "docker://28.2.0"));
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::warning);
  change(kNodes.named("node0"), with("containerRuntimeVersion", "cri-o://1.34.1"));
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::ok);
  change(kNodes.named("node0"), with("kernelVersion", "5.14.0-570.el9"));
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::error);
}

TEST_F(ClusterDoctor, DoesNotLookAtSimulatedNodes) {
  put(kNodes, {{"metadata",
                {{"name", "sim-0"}, {"labels", {{"mock-accel.example.com/simulated", "true"}}}}},
               {"status", {{"nodeInfo", {{"kernelVersion", "2.6.32"}}}}}});
  EXPECT_EQ(finding("cluster.nodes").severity, Severity::ok);
}

TEST_F(ClusterDoctor, MissesDeviceClasses) {
  remove(kClasses.named("any"));
  EXPECT_EQ(finding("cluster.device-classes").severity, Severity::error);
}

TEST_F(ClusterDoctor, AdvisesNoFilesThatAnOlderClusterDoesNotTake) {
  serve("33", {"v1beta2"});
  EXPECT_EQ(finding("cluster.device-classes").advice.remedy,
            "helm install: deploy/ is for Kubernetes from 1.34 on");
}

TEST_F(ClusterDoctor, SeesTwoInstallations) {
  json second = daemon_set("b");
  second["metadata"]["annotations"]["meta.helm.sh/release-name"] = "second";
  put(kDaemonSets, second);
  EXPECT_EQ(finding("cluster.installations").severity, Severity::error);
  EXPECT_THAT(finding("cluster.installations").found, HasSubstr("(Helm release second)"));
}

TEST_F(ClusterDoctor, LeavesToHelmWhatHelmHasMade) {
  remove(kClasses.named("any"));
  EXPECT_EQ(finding("cluster.device-classes").advice.remedy,
            "kubectl apply -f deploy/device-classes.yaml");
  change(kDaemonSets.named("agent"),
         {{"metadata",
           {{"annotations",
             {{"meta.helm.sh/release-name", "md"}, {"meta.helm.sh/release-namespace", "team"}}}}}});
  EXPECT_EQ(
      finding("cluster.device-classes").advice.remedy,
      "helm upgrade --reset-then-reuse-values --namespace team md CHART puts it back, unless the "
      "values switch it off");
}

TEST_F(ClusterDoctor, SeesAReleaseThatWasNotFinished) {
  change(kDaemonSets.named("agent"),
         {{"metadata", {{"annotations", {{"meta.helm.sh/release-name", "md"}}}}}});
  EXPECT_EQ(finding("cluster.installations").severity, Severity::ok);
  put_release("1", "pending-install");
  EXPECT_EQ(finding("cluster.installations").advice.remedy,
            "if no helm runs: helm uninstall --namespace mock-device md");
  put_release("7", "superseded");
  put_release("8", "failed");
  put_release("9", "pending-upgrade");
  EXPECT_EQ(finding("cluster.installations").advice.remedy,
            "if no helm runs: helm rollback --namespace mock-device md 7");
  put_release("6", "deployed");
  const Finding found = finding("cluster.installations");
  EXPECT_EQ(found.severity, Severity::warning);
  EXPECT_EQ(found.found, "is pending-upgrade since its version 9: Helm is at work, or was ended");
  EXPECT_EQ(found.advice.remedy, "if no helm runs: helm rollback --namespace mock-device md 6");
  // Which leaves the history as it is.
  put_release("10", "deployed");
  EXPECT_EQ(finding("cluster.installations").severity, Severity::ok);
}

TEST_F(ClusterDoctor, SeesAgentsThatAreNotReady) {
  change(
      kPods.named("agent-0"),
      {{"status",
        {{"conditions", json::array()},
         {"containerStatuses", {{{"state", {{"waiting", {{"reason", "ImagePullBackOff"}}}}}}}}}}});
  const Finding found = finding("cluster.agents");
  EXPECT_EQ(found.severity, Severity::error);
  EXPECT_EQ(found.subject, "node0");
  EXPECT_THAT(found.found, HasSubstr("ImagePullBackOff"));
}

TEST_F(ClusterDoctor, MissesAgentsAndControllers) {
  remove(kPods.named("agent-0"));
  EXPECT_EQ(finding("cluster.agents").severity, Severity::error);
  json evicted = pod("controller-1", "controller", "x/driver:" MOCK_DEVICE_VERSION);
  evicted["status"] = {{"phase", "Failed"}};
  put(kPods, evicted);
  change(kPods.named("controller-0"), {{"status", {{"conditions", json::array()}}}});
  const Finding found = finding("cluster.controllers");
  EXPECT_EQ(found.severity, Severity::warning);
  EXPECT_EQ(found.found, "none is ready; mock-device/controller-0: running, not ready");
  EXPECT_THAT(found.advice.remedy, HasSubstr("kubectl -n mock-device describe pod controller-0"));
  remove(kPods.named("controller-0"));
  EXPECT_EQ(finding("cluster.controllers").found, "there is none");
  EXPECT_EQ(finding("cluster.controllers").advice.remedy,
            "kubectl apply -f deploy/controller.yaml");
}

TEST_F(ClusterDoctor, SeesSlicesThatNobodyServes) {
  change(kPods.named("agent-0"), {{"spec", {{"nodeName", "node1"}}}});
  EXPECT_EQ(finding("cluster.agents").found, "has slices but no node agent");
}

TEST_F(ClusterDoctor, HandsOnWhatAgentsFind) {
  api_.paths[kProxy]["findings"] = {{{"id", "node.module"},
                                     {"severity", "error"},
                                     {"subject", "node0"},
                                     {"found", "not loaded"}}};
  const Finding found = finding("cluster.reports");
  EXPECT_EQ(found.severity, Severity::error);
  EXPECT_EQ(found.found, "1 errors and 0 warnings; node.module: not loaded");
  EXPECT_EQ(found.advice.remedy, "mock-device doctor --node node0");
}

TEST_F(ClusterDoctor, SeesAgentsOfAnotherVersion) {
  api_.paths[kProxy] = report_of("9.0.0");
  EXPECT_EQ(finding("cluster.versions").severity, Severity::error);
  api_.paths[kProxy] = report_of("0.2.0");
  EXPECT_EQ(finding("cluster.versions").severity, Severity::warning);
}

TEST_F(ClusterDoctor, SeesControllersOfAnotherVersionByTheirImage) {
  put(kPods, pod("controller-1", "controller", "registry:5000/driver:7.0.0"));
  EXPECT_EQ(finding("cluster.versions").subject, "image of mock-device/controller-1");
  EXPECT_EQ(finding("cluster.versions").severity, Severity::error);
}

TEST_F(ClusterDoctor, WantsPoolsWhole) {
  remove(kSlices.named("a"));
  put(kSlices, slice("b", 2, 2));
  EXPECT_EQ(finding("cluster.slices").found, "1 of 2 slices of generation 2 are there");
}

TEST_F(ClusterDoctor, SeesOutdatedSlices) {
  put(kSlices, slice("b", 2, 1));
  EXPECT_EQ(finding("cluster.slices").severity, Severity::warning);
}

TEST_F(ClusterDoctor, SeesADeviceThatIsOfferedTwice) {
  put(kSlices, slice("b", 1, 1, "other"));
  const Report report = look();
  EXPECT_TRUE(std::ranges::any_of(report.findings(), [](const Finding& one) {
    return one.subject == std::string("device ") + kUuid && one.severity == Severity::error;
  }));
}

TEST_F(ClusterDoctor, ComparesSlicesWithTheNode) {
  api_.paths[kProxy]["devices"] = {{{"name", "mock1"}, {"pool", "node0"}, {"uuid", "another"}}};
  const Report report = look();
  std::vector<std::string> found;
  for (const Finding& one : report.findings()) {
    if (one.id == "cluster.slices" && one.severity == Severity::error) found.push_back(one.found);
  }
  EXPECT_THAT(found,
              testing::ElementsAre(HasSubstr("in sysfs but in no slice: node0/mock1 (another)"),
                                   HasSubstr("in a slice but not in sysfs: node0/mock0")));
}

TEST_F(ClusterDoctor, ReadsTheFormOfOlderVersions) {
  serve("32", {"v1beta1"});
  Resource old = kSlices;
  old.version = "v1beta1";
  json basic = slice("a", 1, 1);
  json& device = basic["spec"]["devices"][0];
  device["basic"]["attributes"] = device["attributes"];
  device.erase("attributes");
  put(old, basic);
  EXPECT_EQ(finding("cluster.slices").found, "1 slices offer 1 devices");
}

/// A claim that was given mock0 of a pool, by the node's name or without it.
json claim(const std::string& name, const std::string& pool, const std::string& node = "") {
  json allocation = {
      {"devices",
       {{"results",
         {{{"driver", "mock-accel.example.com"}, {"pool", pool}, {"device", "mock0"}}}}}}};
  if (!node.empty()) {
    const json field = {{"key", "metadata.name"}, {"operator", "In"}, {"values", {node}}};
    allocation["nodeSelector"] = {{"nodeSelectorTerms", {{{"matchFields", {field}}}}}};
  }
  return {{"metadata", {{"name", name}}},
          {"status", {{"allocation", allocation}, {"reservedFor", {{{"name", "p"}}}}}}};
}

TEST_F(ClusterDoctor, SeesClaimsThatCannotEnd) {
  put(kClaims, claim("c", "node0", "node0"));
  EXPECT_EQ(finding("cluster.claims").severity, Severity::ok);
  change(kClaims.named("c"), {{"metadata", {{"deletionTimestamp", "2026-11-26T20:00:00Z"}}}});
  EXPECT_EQ(finding("cluster.claims").severity, Severity::warning);
  EXPECT_THAT(finding("cluster.claims").found, HasSubstr("reserved for p"));
  remove(kSlices.named("a"));
  EXPECT_EQ(finding("cluster.claims").found, "has node0/mock0, which is gone or in no slice");
  EXPECT_EQ(finding("cluster.claims").advice.remedy,
            "plug the card in again, or delete the pods that use the claim");
  // An agent of another node is none.
  change(kPods.named("agent-0"), {{"spec", {{"nodeName", "node1"}}}});
  EXPECT_THAT(finding("cluster.claims").advice.remedy,
              HasSubstr("bring the agent of node0 back first"));
  // One that a Module runs may be there.
  api_.before = [](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
    if (call.resource.plural != "modules") return std::nullopt;
    return kube::ApiError{
        .status = 403, .reason = std::string(kube::reason::kForbidden), .message = "no"};
  };
  EXPECT_THAT(finding("cluster.claims").advice.remedy, HasSubstr("where their node has no agent"));
}

TEST_F(ClusterDoctor, NamesBothWaysForAClaimWhoseNodeItDoesNotKnow) {
  remove(kSlices.named("a"));
  put(kClaims, claim("c", "node0"));
  EXPECT_THAT(finding("cluster.claims").advice.remedy,
              AllOf(HasSubstr("plug the card in"), HasSubstr("has no agent")));
}

TEST_F(ClusterDoctor, DoesNotLookAtClaimsOnSimulatedNodes) {
  json simulated = slice("b", 1, 1, "sim-0", "another");
  simulated["metadata"]["labels"] = {{"mock-accel.example.com/simulated", "true"}};
  put(kSlices, simulated);
  put(kClaims, claim("c", "sim-0"));
  EXPECT_EQ(finding("cluster.claims").severity, Severity::ok);
  EXPECT_EQ(finding("cluster.claims").found, "0 have devices of this driver");
}

TEST_F(ClusterDoctor, MissesSlices) {
  remove(kSlices.named("a"));
  EXPECT_EQ(worst_finding(look(), "cluster.slices").severity, Severity::error);
  remove(kPods.named("agent-0"));
  EXPECT_EQ(finding("cluster.slices").found, "there is none: no device is offered");
  json simulated = slice("b", 1, 1);
  simulated["metadata"]["labels"] = {{"mock-accel.example.com/simulated", "true"}};
  put(kSlices, simulated);
  EXPECT_EQ(finding("cluster.slices").severity, Severity::ok);
}

TEST_F(ClusterDoctor, CountsNoDeviceThatIsGoneAmongThoseOfTheNode) {
  json gone = slice("a", 1, 1);
  gone["spec"]["devices"][0]["taints"] = {
      {{"key", "mock-accel.example.com/health"}, {"value", "gone"}, {"effect", "NoSchedule"}}};
  remove(kSlices.named("a"));
  put(kSlices, gone);
  api_.paths[kProxy]["devices"] = json::array();
  EXPECT_EQ(finding("cluster.slices").severity, Severity::ok);
  EXPECT_EQ(finding("cluster.slices").found, "1 slices offer 0 devices");
}

TEST_F(ClusterDoctor, NamesTheRightsThatAgentsLack) {
  allowed_ = false;
  EXPECT_THAT(finding("cluster.agent-rights").found, HasSubstr("get nodes"));
  EXPECT_EQ(finding("cluster.agent-rights").severity, Severity::error);
}

TEST_F(ClusterDoctor, NotesThatAgentsMayNotWriteEvents) {
  denied_group_ = "events.k8s.io";
  const Report report = look();
  EXPECT_EQ(report.count(Severity::error), 0U);
  const auto found = std::ranges::find_if(report.findings(), [](const Finding& one) {
    return one.id == "cluster.agent-rights" && one.severity == Severity::note;
  });
  ASSERT_NE(found, report.findings().end());
  EXPECT_EQ(found->found,
            "may not create events, patch events: claims get no events of their devices");
}

TEST_F(ClusterDoctor, MissesThePolicy) {
  remove({.group = "admissionregistration.k8s.io",
          .version = "v1",
          .plural = "validatingadmissionpolicybindings",
          .name = "own-node"});
  EXPECT_EQ(finding("cluster.admission-policy").severity, Severity::warning);
}

TEST_F(ClusterDoctor, WantsPrivilegedNamespaces) {
  change({.version = "v1", .plural = "namespaces", .name = "mock-device"},
         {{"metadata", {{"labels", {{"pod-security.kubernetes.io/enforce", "baseline"}}}}}});
  EXPECT_EQ(finding("cluster.pod-security").severity, Severity::error);
  // With which there is no pod to begin with.
  remove(kPods.named("agent-0"));
  change(kDaemonSets.named("agent"), {{"status", {{"desiredNumberScheduled", 2}}}});
  EXPECT_EQ(finding("cluster.pod-security").severity, Severity::error);
  EXPECT_EQ(finding("cluster.agents").found,
            "mock-device/agent has made none of the 2 that it wants");
  EXPECT_THAT(finding("cluster.agents").advice.remedy,
              HasSubstr("kubectl -n mock-device describe daemonset agent"));
  change(kDaemonSets.named("agent"), {{"status", {{"desiredNumberScheduled", 0}}}});
  EXPECT_EQ(finding("cluster.agents").found, "mock-device/agent finds no node for one");
}

TEST_F(ClusterDoctor, AcceptsAModuleThatIsLoaded) {
  put_module({{{"regexp", R"(^6\.12\..*$)"}, {"containerImage", "x"}}});
  EXPECT_EQ(finding("cluster.kmm").severity, Severity::ok);
  EXPECT_EQ(finding("cluster.cert-manager").severity, Severity::note);
  api_.paths["/apis/cert-manager.io"] = json::object();
  EXPECT_EQ(finding("cluster.cert-manager").severity, Severity::ok);
}

TEST_F(ClusterDoctor, NamesKernelsWithoutAMapping) {
  put_module({{{"literal", "6.1.0-1-amd64"}, {"containerImage", "x"}}});
  EXPECT_EQ(finding("cluster.kmm").severity, Severity::error);
  EXPECT_EQ(finding("cluster.kmm").found, "no kernel mapping matches 6.12.117+deb13-amd64");
}

TEST_F(ClusterDoctor, BelievesTheCountsOfAModule) {
  const json mappings = {{{"regexp", ".*"}, {"containerImage", "x"}}};
  put_module(mappings, {{"status", {{"moduleLoader", {{"availableNumber", 0}}}}}});
  EXPECT_EQ(finding("cluster.kmm").found, "is loaded on 0 of 1 nodes");
  put_kmm_pod("worker", "kmm.node.kubernetes.io/module.name", "Failed");
  EXPECT_EQ(finding("cluster.kmm").found, "is loaded on 0 of 1 nodes: mock-device/worker: Failed");
}

TEST_F(ClusterDoctor, SaysWhatKeepsKmmFromWantingAModule) {
  const json unwanted = {{"status", {{"moduleLoader", {{"desiredNumber", 0}}}}}};
  put_module({{{"regexp", ".*"}, {"containerImage", "x"}}}, unwanted);
  EXPECT_EQ(finding("cluster.kmm").severity, Severity::error);
  EXPECT_EQ(finding("cluster.kmm").found,
            "KMM wants it on 0 of the 1 nodes that it selects: their image is not there yet, or "
            "something holds the module that they had");
  put_kmm_pod("done", "kmm.node.kubernetes.io/image-owner", "Succeeded");
  put_kmm_pod("pull", "kmm.node.kubernetes.io/image-owner", "Pending", "ErrImagePull");
  EXPECT_EQ(finding("cluster.kmm").found,
            "KMM wants it on 0 of the 1 nodes that it selects: mock-device/pull: ErrImagePull");

  remove(kPods.named("pull"));
  change(kModules.named("mock-accel"),
         {{"spec", {{"moduleLoader", {{"container", {{"version", "7"}}}}}}}});
  const std::string label = "kmm.node.kubernetes.io/version-module.mock-device.mock-accel";
  EXPECT_EQ(finding("cluster.kmm").found,
            "KMM wants it on 0 of the 1 nodes that it selects: node0 has not the label " + label);
  EXPECT_EQ(finding("cluster.kmm").advice.remedy, "kubectl label node node0 " + label + "=7");
  change(kNodes.named("node0"), {{"metadata", {{"labels", {{label, "6"}}}}}});
  EXPECT_EQ(finding("cluster.kmm").found,
            "KMM wants it on 0 of the 1 nodes that it selects: node0 has the label " + label +
                " of version \"6\"");
  EXPECT_EQ(finding("cluster.kmm").advice.remedy,
            "if it is to have 7 now: drain it, then kubectl label node --overwrite node0 " + label +
                "=7");
  change(kNodes.named("node0"), {{"metadata", {{"labels", {{label, "7"}}}}}});
  EXPECT_THAT(finding("cluster.kmm").found, HasSubstr("their image is not there yet"));
}

TEST_F(ClusterDoctor, LeavesNodesAloneThatWaitForTheirUpgrade) {
  const std::string label = "kmm.node.kubernetes.io/version-module.mock-device.mock-accel";
  put_module(
      {{{"regexp", ".*"}, {"containerImage", "x"}}},
      {{"spec", {{"moduleLoader", {{"container", {{"version", "7"}}}}}}},
       {"status", {{"moduleLoader", {{"nodesMatchingSelectorNumber", 2}, {"desiredNumber", 1}}}}}});
  change(kNodes.named("node0"),
         {{"metadata",
           {{"labels",
             {{label, "6"}, {"kmm.node.kubernetes.io/mock-device.mock-accel.ready", ""}}}}}});
  put(kNodes, {{"metadata", {{"name", "node1"}, {"labels", {{"accel", "yes"}, {label, "7"}}}}}});
  EXPECT_EQ(finding("cluster.kmm").found,
            "KMM wants it on 1 of the 2 nodes that it selects: their image is not there yet, or "
            "something holds the module that they had");
  put_kmm_pod("pull", "kmm.node.kubernetes.io/image-owner", "Pending", "ErrImagePull");
  EXPECT_THAT(finding("cluster.kmm").found, HasSubstr("ErrImagePull"));
}

TEST_F(ClusterDoctor, GuessesNoCauseWhereItMayNotListNodes) {
  put_module({{{"regexp", ".*"}, {"containerImage", "x"}}},
             {{"status", {{"moduleLoader", {{"desiredNumber", 0}}}}}});
  api_.before = [](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
    if (call.resource.plural != "nodes") return std::nullopt;
    return kube::ApiError{
        .status = 403, .reason = std::string(kube::reason::kForbidden), .message = "no"};
  };
  EXPECT_EQ(finding("cluster.kmm").found, "KMM wants it on 0 of the 1 nodes that it selects");
}

TEST_F(ClusterDoctor, LeavesOutNodesAsKmmDoes) {
  put_module(
      {{{"literal", "another"}, {"containerImage", "x"}}},
      {{"status",
        {{"moduleLoader",
          {{"nodesMatchingSelectorNumber", 0}, {"desiredNumber", 0}, {"availableNumber", 0}}}}}});
  const auto taint = [this](const char* key, const char* effect) {
    change(kNodes.named("node0"),
           {{"spec", {{"taints", {{{"key", key}, {"value", "v"}, {"effect", effect}}}}}}});
  };
  const json cordon = {{"key", "node.kubernetes.io/unschedulable"}, {"operator", "Exists"}};
  const auto tolerate = [&](const json& toleration) {
    change(kModules.named("mock-accel"), {{"spec", {{"tolerations", {toleration, cordon}}}}});
  };
  const std::string mapped = "no kernel mapping matches 6.12.117+deb13-amd64";
  taint("dedicated", "NoSchedule");
  EXPECT_EQ(finding("cluster.kmm").severity, Severity::warning);
  EXPECT_EQ(finding("cluster.kmm").found,
            "leaves out nodes whose taints it does not tolerate: node0 (dedicated:NoSchedule)");
  change(kNodes.named("node0"),
         {{"spec",
           {{"taints",
             {{{"key", "dedicated"}, {"effect", "NoSchedule"}},
              {{"key", "node.kubernetes.io/unschedulable"}, {"effect", "NoSchedule"}}}}}}});
  change(kModules.named("mock-accel"), {{"spec", {{"tolerations", json::array()}}}});
  const Report report = look();
  EXPECT_TRUE(std::ranges::any_of(report.findings(), [](const Finding& one) {
    return one.found.contains("node0 (dedicated:NoSchedule)");
  }));
  tolerate(cordon);
  taint("dedicated", "PreferNoSchedule");
  EXPECT_EQ(finding("cluster.kmm").found, mapped);
  taint("node.kubernetes.io/memory-pressure", "NoSchedule");
  EXPECT_EQ(finding("cluster.kmm").found, mapped);

  taint("dedicated", "NoExecute");
  for (const json& toleration :
       std::vector<json>{{{"operator", "Exists"}},
                         {{"key", "dedicated"}, {"operator", "Exists"}},
                         {{"key", "dedicated"}, {"value", "v"}, {"effect", "NoExecute"}}}) {
    tolerate(toleration);
    EXPECT_EQ(finding("cluster.kmm").found, mapped) << toleration;
  }
  for (const json& toleration :
       std::vector<json>{{{"key", "another"}, {"operator", "Exists"}},
                         {{"key", "dedicated"}, {"value", "w"}},
                         {{"operator", "Exists"}, {"effect", "NoSchedule"}}}) {
    tolerate(toleration);
    EXPECT_THAT(finding("cluster.kmm").found, HasSubstr("leaves out")) << toleration;
  }
  // A cordon is told of by itself.
  change(kModules.named("mock-accel"), {{"spec", {{"tolerations", json::array()}}}});
  taint("node.kubernetes.io/unschedulable", "NoSchedule");
  EXPECT_EQ(finding("cluster.kmm").found, "does not tolerate node.kubernetes.io/unschedulable");
}

TEST_F(ClusterDoctor, SeesAModuleThatCannotGo) {
  put_module({{{"regexp", ".*"}, {"containerImage", "x"}}},
             {{"metadata", {{"deletionTimestamp", "2026-11-26T20:00:00Z"}}}});
  EXPECT_EQ(finding("cluster.kmm").severity, Severity::error);
  EXPECT_THAT(finding("cluster.kmm").advice.remedy, HasSubstr("hold devices"));
}

TEST_F(ClusterDoctor, WantsAModuleToTolerateCordons) {
  put_module({{{"regexp", ".*"}, {"containerImage", "x"}}},
             {{"spec", {{"tolerations", json::array()}}}});
  EXPECT_EQ(finding("cluster.kmm").severity, Severity::warning);
}

TEST_F(ClusterDoctor, KnowsAgentsThatAModuleRuns) {
  remove(kDaemonSets.named("agent"));
  change(kPods.named("agent-0"), {{"metadata",
                                   {{"labels",
                                     {{"app.kubernetes.io/name", nullptr},
                                      {"app.kubernetes.io/component", nullptr},
                                      {"kmm.node.kubernetes.io/module.name", "mock-accel"},
                                      {"kmm.node.kubernetes.io/role", "dra"}}}}}});
  EXPECT_EQ(finding("cluster.agents").found, "there is none");
  put_module({{{"regexp", ".*"}, {"containerImage", "x"}}},
             {{"spec", {{"dra", {{"driverName", "mock-accel.example.com"}}}}}});
  EXPECT_EQ(finding("cluster.agents").severity, Severity::ok);
  EXPECT_EQ(finding("cluster.installations").found, "mock-device/mock-accel");
  change(kModules.named("mock-accel"), {{"spec", {{"dra", {{"driverName", "gpu.example.com"}}}}}});
  EXPECT_EQ(finding("cluster.agents").found, "there is none");
}

TEST_F(ClusterDoctor, NamesTheRightsThatItLacksItself) {
  api_.before = [](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
    if (call.resource.name == "/version" || call.resource.name.starts_with("/apis")) {
      return std::nullopt;
    }
    return kube::ApiError{
        .status = 403, .reason = std::string(kube::reason::kForbidden), .message = "no"};
  };
  const Report report = look();
  EXPECT_EQ(report.count(Severity::error), 0U);
  EXPECT_EQ(worst_finding(report, "cluster.nodes").found, "may not list nodes");
  EXPECT_EQ(worst_finding(report, "cluster.slices").advice.needed,
            "the right to list resourceslices");
  EXPECT_EQ(worst_finding(report, "cluster.gates").found, "may not get /metrics");
}

TEST_F(ClusterDoctor, AsksTheAgentOfOneNode) {
  api_.paths[kProxy]["findings"] = {
      {{"id", "node.kernel"}, {"severity", "ok"}, {"subject", "node0"}, {"found", "Linux 6.12"}}};
  Report report;
  check_node_of_cluster(api_, {}, "node0", report);
  ASSERT_EQ(report.findings().size(), 1U);
  EXPECT_EQ(report.findings()[0].found, "Linux 6.12");
  Report nowhere;
  check_node_of_cluster(api_, {}, "node7", nowhere);
  EXPECT_EQ(nowhere.count(Severity::error), 1U);
}

}  // namespace
}  // namespace mockdev::cluster_doctor
