// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_doctor/testing.h"

namespace mockdev::cluster_doctor {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace mockdev::cluster_doctor
