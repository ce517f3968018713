// SPDX-License-Identifier: Apache-2.0
#include "server/plan.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace mockdev::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kUuid = "12345678-1234-4234-9234-123456789abc";

std::expected<Plan, Refusal> plan_of(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {"mock-accel-server"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return make_plan(static_cast<int>(argv.size()), argv.data());
}

std::string refusal_of(const std::vector<std::string>& arguments) {
  const auto plan = plan_of(arguments);
  EXPECT_FALSE(plan);
  if (plan) return "";
  EXPECT_EQ(plan.error().exit_code, 2);
  return plan.error().text;
}

/// A topology file with two nodes of one and two devices.
class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    std::ofstream(file()) << "ids: {vendor: 0x1234}\n"
                             "nodes:\n"
                             "- {name: a, numa: [{devices: 1}]}\n"
                             "- {name: b, numa: [{devices: 1}, {devices: 1}]}\n";
  }
  [[nodiscard]] std::string file() const { return folder_.path() / "topology.yaml"; }

  TemporaryFolder folder_;
};

TEST_F(PlanTest, PlacesAllDevicesOfATopology) {
  const auto plan = plan_of({"--topology", file(), "--socket-dir", "/run/x"});
  ASSERT_TRUE(plan) << plan.error().text;
  ASSERT_THAT(plan->devices, SizeIs(3));
  EXPECT_EQ(plan->devices[2].node, "b");
  EXPECT_EQ(plan->devices[2].numa, 1U);
  EXPECT_EQ(plan->devices[2].socket, "/run/x/b-numa1.sock");
  EXPECT_EQ(plan->control, "/run/x/control.sock");
  EXPECT_EQ(plan->ids.vendor, 0x1234);
  EXPECT_TRUE(plan->sandbox);
  EXPECT_FALSE(plan->dry_run);
}

TEST_F(PlanTest, PlacesTheDevicesOfOneNode) {
  const auto plan = plan_of({"--topology", file(), "--socket-dir", "d", "--node", "b", "--control",
                             "c.sock", "--vendor", "0x4321", "--no-sandbox"});
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_THAT(plan->devices, SizeIs(2));
  EXPECT_EQ(plan->control, "c.sock");
  EXPECT_EQ(plan->ids.vendor, 0x4321);
  EXPECT_EQ(plan->ids.pf_device, 1);
  EXPECT_FALSE(plan->sandbox);
}

TEST_F(PlanTest, TakesFlagsFromTheEnvironment) {
  ::setenv("MOCK_ACCEL_SERVER_TOPOLOGY", file().c_str(), 1);
  ::setenv("MOCK_ACCEL_SERVER_SOCKET_DIR", "/run/x", 1);
  ::setenv("MOCK_ACCEL_SERVER_NODE", "a", 1);
  const auto plan = plan_of({});
  const auto chosen = plan_of({"--node", "b"});
  ::unsetenv("MOCK_ACCEL_SERVER_TOPOLOGY");
  ::unsetenv("MOCK_ACCEL_SERVER_SOCKET_DIR");
  ::unsetenv("MOCK_ACCEL_SERVER_NODE");
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_THAT(plan->devices, SizeIs(1));
  ASSERT_TRUE(chosen);
  EXPECT_THAT(chosen->devices, SizeIs(2));
}

TEST_F(PlanTest, DescribesADryRun) {
  const auto plan = plan_of({"--topology", file(), "--dry-run"});
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_TRUE(plan->dry_run);
  EXPECT_THAT(describe(*plan), AllOf(HasSubstr("b/mock1 numa1 slot 1: "),
                                     HasSubstr(", 16 GiB, 16 VFs, compute\nOK: 3 devices\n")));
}

TEST_F(PlanTest, RefusesATopologyWithProblems) {
  std::ofstream(file()) << "nodes:\n- {name: a, numa: [{devices: 99}]}\n";
  EXPECT_EQ(refusal_of({"--topology", file(), "--dry-run"}),
            file() +
                ":2: nodes[0].numa[0].devices: 99 is more than the 32 that a NUMA node can "
                "have\n");
}

TEST_F(PlanTest, RefusesWhatLeadsToNoDevice) {
  EXPECT_EQ(refusal_of({"--topology", file(), "--node", "c", "--dry-run"}),
            "mock-accel-server: --node c: no such node in " + file() + "; there are a, b\n");
  std::ofstream(file()) << "nodes:\n- {name: a, numa: [{devices: 0}]}\n";
  EXPECT_EQ(refusal_of({"--topology", file(), "--dry-run"}),
            "mock-accel-server: " + file() + ": no devices to serve\n");
  EXPECT_THAT(refusal_of({}), HasSubstr("one of --topology and --socket is required"));
}

TEST_F(PlanTest, RefusesFlagsThatDoNotGoTogether) {
  EXPECT_THAT(refusal_of({"--topology", file()}), HasSubstr("--socket-dir is required"));
  EXPECT_THAT(refusal_of({"--topology", file(), "--socket", "s"}), HasSubstr("--socket"));
  EXPECT_THAT(refusal_of({"--socket-dir", "d"}), HasSubstr("--topology"));
  EXPECT_THAT(refusal_of({"--uuid", kUuid}), HasSubstr("--socket"));
  EXPECT_THAT(refusal_of({"--socket", "s"}), HasSubstr("--uuid is required"));
  EXPECT_THAT(refusal_of({"--colour"}), HasSubstr("--colour"));
  EXPECT_THAT(refusal_of({"stray"}), HasSubstr("stray"));
}

TEST_F(PlanTest, RefusesSocketsWithLongPaths) {
  EXPECT_THAT(refusal_of({"--topology", file(), "--socket-dir", std::string(95, 'x')}),
              HasSubstr("a-numa0.sock: path of 108 bytes; a socket's can have 107"));
  EXPECT_THAT(refusal_of({"--socket", "s", "--uuid", kUuid, "--control", std::string(108, 'x')}),
              HasSubstr("path of 108 bytes"));
}

TEST(Plan, PlacesOneDeviceByFlags) {
  const auto plan = plan_of({"--socket", "a.sock", "--uuid", kUuid, "--memory", "512MiB", "--vfs",
                             "2", "--capabilities", "compute,p2p", "--numa", "1"});
  ASSERT_TRUE(plan) << plan.error().text;
  ASSERT_THAT(plan->devices, SizeIs(1));
  const Placement& place = plan->devices[0];
  EXPECT_EQ(place.socket, "a.sock");
  EXPECT_EQ(place.numa, 1U);
  EXPECT_EQ(to_string(place.device.uuid), kUuid);
  EXPECT_EQ(place.device.memory, 512_MiB);
  EXPECT_EQ(place.device.vfs, 2);
  EXPECT_EQ(place.device.vf_memory, 256_MiB);
  EXPECT_EQ(place.device.capabilities, 9U);
  EXPECT_FALSE(plan->control);
}

TEST(Plan, RefusesDevicesThatCantBe) {
  const auto refused = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--socket", "s", "--uuid", kUuid};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return refusal_of(arguments);
  };
  EXPECT_THAT(refused({"--memory", "0"}), HasSubstr("--memory: 0 B is less than 4 KiB"));
  EXPECT_THAT(refused({"--memory", "lots"}), HasSubstr("--memory: lots is not a size"));
  EXPECT_THAT(refused({"--vfs", "65"}), HasSubstr("--vfs"));
  EXPECT_THAT(refused({"--vfs", "-1"}), HasSubstr("--vfs"));
  EXPECT_THAT(refused({"--capabilities", "flight"}), HasSubstr("flight is not a capability"));
  EXPECT_THAT(refused({"--vendor", "0xffff"}), HasSubstr("--vendor"));
  EXPECT_THAT(refusal_of({"--socket", "s", "--uuid", "x"}), HasSubstr("--uuid: "));
  EXPECT_THAT(refusal_of({"--socket", "s", "--uuid", "00000000-0000-0000-0000-000000000000"}),
              HasSubstr("nil UUID"));
}

TEST(Plan, AnswersQuestionsWithExitCodeZero) {
  for (const char* flag : {"--help", "--version"}) {
    const auto plan = plan_of({flag});
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().exit_code, 0);
  }
  EXPECT_EQ(plan_of({"--version"}).error().text, MOCK_DEVICE_VERSION "\n");
  EXPECT_THAT(plan_of({"--help"}).error().text, HasSubstr("MOCK_ACCEL_SERVER_SOCKET_DIR"));
}

}  // namespace
}  // namespace mockdev::server
