// SPDX-License-Identifier: Apache-2.0
#include "driver/settings.h"

#include <cstdlib>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::driver {
namespace {

using testing::HasSubstr;

template <typename Wanted = AgentSettings>
std::expected<Wanted, Refusal> read(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "mock-accel-dra-driver");
  auto settings = read_settings(static_cast<int>(arguments.size()), arguments.data());
  if (!settings) return std::unexpected(settings.error());
  return std::get<Wanted>(*settings);
}

TEST(Settings, OnlyTheNodesNameIsNeeded) {
  const auto settings = read({"node-agent", "--node-name", "n1"});
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->node, dra::NodeName("n1"));
  EXPECT_EQ(settings->common.driver, dra::DriverName("mock-accel.example.com"));
  EXPECT_EQ(settings->cdi_root, "/var/run/cdi");
  EXPECT_EQ(settings->common.health.port, 51515);
  EXPECT_TRUE(settings->attributes.nodepartition_alias);
  EXPECT_FALSE(settings->attributes.socket_alias);
  EXPECT_TRUE(settings->shared_counters);
  EXPECT_TRUE(settings->device_metadata);
  EXPECT_FALSE(settings->claim_status);
  EXPECT_TRUE(settings->claim_events);
}

TEST(Settings, VariablesStandInForFlags) {
  ::setenv("NODE_NAME", "n2", 1);
  ::setenv("HEALTHCHECK_PORT", "-1", 1);
  ::setenv("CDI_ROOT", "/cdi", 1);
  ::setenv("SHORT_POOL_NAMES", "true", 1);
  ::setenv("CLAIM_STATUS", "true", 1);
  ::setenv("NO_CLAIM_EVENTS", "true", 1);
  ::setenv("SOCKET_ALIAS", "true", 1);
  const auto settings = read({"node-agent"});
  for (const char* name : {"NODE_NAME", "HEALTHCHECK_PORT", "CDI_ROOT", "SHORT_POOL_NAMES",
                           "CLAIM_STATUS", "NO_CLAIM_EVENTS", "SOCKET_ALIAS"}) {
    ::unsetenv(name);
  }
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->node, dra::NodeName("n2"));
  EXPECT_EQ(settings->common.health.port, -1);
  EXPECT_EQ(settings->cdi_root, "/cdi");
  EXPECT_TRUE(settings->short_pool_names);
  EXPECT_TRUE(settings->claim_status);
  EXPECT_FALSE(settings->claim_events);
  EXPECT_TRUE(slice_settings(settings->common, settings->attributes).socket_alias);
}

TEST(Settings, AControllerSaysWhereItRuns) {
  const auto settings = read<ControllerSettings>(
      {"controller", "--namespace", "system", "--pod-name", "p1", "--grace-seconds", "5"});
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->ns, "system");
  EXPECT_EQ(settings->grace, std::chrono::seconds(5));
  EXPECT_EQ(settings->agent_selector, "");
  EXPECT_EQ(settings->simulated, "");
  EXPECT_TRUE(settings->identity.starts_with("p1_"));
  EXPECT_NE(settings->identity,
            read<ControllerSettings>({"controller", "--namespace", "system", "--pod-name", "p1"})
                ->identity);
}

TEST(Settings, WrongOnesAreRefusedInOneLine) {
  const auto complaint = [](std::vector<const char*> arguments) {
    const auto settings = read(std::move(arguments));
    return settings ? "none"
                    : fmt::format("{} {}", settings.error().exit_code, settings.error().text);
  };
  EXPECT_THAT(complaint({}), HasSubstr("2 mock-accel-dra-driver: A subcommand is required"));
  EXPECT_THAT(complaint({"node-agent"}), HasSubstr("--node-name is required"));
  EXPECT_THAT(complaint({"node-agent", "--node-name", "n", "--http-port", "70000"}),
              HasSubstr("70000"));
  EXPECT_THAT(complaint({"node-agent", "--node-name", "n", "--rolling-update"}),
              HasSubstr("--rolling-update needs --pod-uid"));
  const auto controller = read<ControllerSettings>({"controller", "--pod-name", "p"});
  EXPECT_THAT(controller.error().text, HasSubstr("--namespace is required"));
  EXPECT_THAT(complaint({"--version"}), HasSubstr("0 mock-accel-dra-driver "));
}

}  // namespace
}  // namespace mockdev::driver
