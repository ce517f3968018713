// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_doctor/testing.h"

namespace mockdev::cluster_doctor {
namespace {

using testing::HasSubstr;

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
  forbid("nodes");
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

}  // namespace
}  // namespace mockdev::cluster_doctor
