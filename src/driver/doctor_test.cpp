// SPDX-License-Identifier: Apache-2.0
#include "driver/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "discovery/discovery.h"
#include "discovery/testing.h"

namespace mockdev::driver {
namespace {

using nlohmann::json;

TEST(NodeReport, HasTheDevicesAsTheyStandInSlices) {
  discovery::FakeSysfs sysfs;
  sysfs.add({.name = "mock0"})
      .add({.name = "mock0_vf0", .pci = "pci0000:00/x/0000:01:00.1", .physfn = "mock0"});
  AgentSettings settings;
  settings.common.driver = dra::DriverName("mock-accel.example.com");
  settings.node = dra::NodeName("node0");
  settings.sysfs = sysfs.path();
  const auto report = json::parse(
      node_report(settings, discovery::discover(sysfs.path()).devices, dra::SliceFeatures{}));
  EXPECT_EQ(report["node"], "node0");
  EXPECT_EQ(report["version"], MOCK_DEVICE_VERSION);
  EXPECT_FALSE(report["findings"].empty());
  ASSERT_EQ(report["devices"].size(), 2U);
  EXPECT_EQ(report["devices"][0], json({{"name", "mock0"},
                                        {"pool", "node0/numa0"},
                                        {"uuid", "123e4567-e89b-12d3-a456-426614174000"}}));
  EXPECT_EQ(report["devices"][1]["name"], "mock0-vf0");
}

TEST(ClusterReport, FailsWithoutACluster) {
  const auto report = cluster_report({.common = {.driver = dra::DriverName("x"),
                                                 .kubeconfig = "/nowhere/config",
                                                 .api_version = {},
                                                 .health = {},
                                                 .http = {},
                                                 .log_level = {}},
                                      .node = {},
                                      .selector = {}});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, testing::HasSubstr("/nowhere/config"));
}

}  // namespace
}  // namespace mockdev::driver
