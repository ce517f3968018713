// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_doctor/testing.h"

namespace mockdev::cluster_doctor {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace mockdev::cluster_doctor
