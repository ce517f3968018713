// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_doctor/testing.h"

namespace mockdev::cluster_doctor {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace mockdev::cluster_doctor
