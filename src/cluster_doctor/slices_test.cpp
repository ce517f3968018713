// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_doctor/testing.h"

namespace mockdev::cluster_doctor {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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
  forbid("modules");
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

}  // namespace
}  // namespace mockdev::cluster_doctor
