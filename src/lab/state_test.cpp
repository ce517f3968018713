// SPDX-License-Identifier: Apache-2.0
#include "lab/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "lab/testing.h"

namespace mockdev::lab {
namespace {

using testing::HasSubstr;

LabState a_state() {
  return {.topology = "/a/topology.yaml",
          .accelerator = Accelerator::kvm,
          .started = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000)),
          .ready = true,
          .server = {.pid = 10, .start_time = 11},
          .nodes = {{.name = "node0",
                     .devices = 4,
                     .qemu = {.pid = 20, .start_time = 21},
                     .ssh = {.pid = 30, .start_time = 31},
                     .command = {"qemu", "-name", "a b"}},
                    {.name = "node1", .devices = 0}},
          .kubernetes = KubernetesState{
              .version = "1.36.3",
              .programs = "/a/folder",
              .server = "https://127.0.0.1:6443",
              .kmm = true,
              .components = {{.name = "etcd", .process = {.pid = 40, .start_time = 41}},
                             {.name = "apiserver"}}}};
}

LabState a_state_without_kubernetes() {
  LabState state = a_state();
  state.kubernetes.reset();
  return state;
}

TEST(LabState, ComesBackAsItWas) {
  for (const LabState& state : {a_state(), a_state_without_kubernetes()}) {
    EXPECT_EQ(from_json(to_json(state, "boot"), "boot").value(), state);
  }
}

TEST(LabState, OfAnEarlierVersionHasNoOperator) {
  std::string text = to_json(a_state(), "boot");
  const std::string member = "    \"kmm\": true,\n";
  const std::size_t at = text.find(member);
  ASSERT_NE(at, std::string::npos);
  text.erase(at, member.size());
  EXPECT_FALSE(from_json(text, "boot").value().kubernetes->kmm);
}

TEST(LabState, HasNoProcessesOfAnEarlierBoot) {
  LabState expected = a_state();
  expected.server = {};
  expected.nodes[0].qemu = {};
  expected.nodes[0].ssh = {};
  expected.kubernetes->components[0].process = {};
  EXPECT_EQ(from_json(to_json(a_state(), "boot"), "another").value(), expected);
}

TEST(LabState, IsRefusedWhenDamaged) {
  EXPECT_FALSE(from_json("", "boot"));
  EXPECT_FALSE(from_json("{}", "boot"));
  EXPECT_FALSE(from_json("[1]", "boot"));
  EXPECT_FALSE(from_json(R"({"topology": 5})", "boot"));
}

class StateFile : public testing::Test {
 protected:
  TemporaryFolder labs;
  ScopedVariable variable{"MOCK_DEVICE_RUN_DIR", labs.path()};
  RunFolder folder{*RunFolder::of("default")};
};

TEST_F(StateFile, TellsNoLabFromOneThatHasNotStartedAnything) {
  EXPECT_EQ(read_state(folder).value(), std::nullopt);
  std::filesystem::create_directory(folder.path());
  EXPECT_EQ(read_state(folder).value(), LabState{});
  ASSERT_TRUE(write_state(folder, a_state()));
  EXPECT_EQ(read_state(folder).value(), a_state());
}

TEST_F(StateFile, NamesTheFileThatIsDamaged) {
  std::filesystem::create_directory(folder.path());
  ASSERT_TRUE(write_file(folder.state(), "{"));
  const auto state = read_state(folder);
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message, HasSubstr("default/state.json: damaged ("));
}

}  // namespace
}  // namespace mockdev::lab
