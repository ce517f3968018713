// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_doctor/testing.h"

namespace mockdev::cluster_doctor {
namespace {

TEST_F(ClusterDoctor, FindsNothingWrongWithAHealthyCluster) {
  const Report report = look();
  for (const Finding& one : report.findings()) {
    EXPECT_EQ(one.severity, Severity::ok) << one.id << ": " << one.subject << " " << one.found;
  }
  for (const doctor::CheckText& check : cluster_checks()) {
    EXPECT_EQ(worst_finding(report, check.id).id, check.id);
  }
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
