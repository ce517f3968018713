// SPDX-License-Identifier: Apache-2.0
#include "lab/control_plane.h"

#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/testing.h"
#include "lab/testing.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ControlPlaneTest : public testing::Test {
 protected:
  [[nodiscard]] ControlPlane plane(unsigned minor) const {
    return {.version = {.minor = minor, .patch = 0},
            .programs = "/k8s",
            .etcd = {"/etcd"},
            .folder = *RunFolder::of("default"),
            .ports = {.apiserver = 1001, .controller_manager = 1002, .scheduler = 1003},
            .program = "/mock-device",
            .nodes = {}};
  }

  [[nodiscard]] std::vector<std::string> words_of(const std::string& name, unsigned minor) const {
    const std::vector<Component> all = components(plane(minor));
    return std::ranges::find(all, name, &Component::name)->command.argv;
  }

  TemporaryFolder labs;
  ScopedVariable variable{"MOCK_DEVICE_RUN_DIR", labs.path()};
};

TEST_F(ControlPlaneTest, StartsWhatIsNeededBeforeWhatNeedsIt) {
  std::vector<std::string> names;
  for (const Component& component : components(plane(36))) names.push_back(component.name);
  EXPECT_THAT(names, ElementsAre("etcd", "apiserver", "controller-manager", "scheduler"));
}

TEST_F(ControlPlaneTest, ServesAllVersionsOfTheResourceApi) {
  EXPECT_THAT(words_of("apiserver", 33),
              Contains("--runtime-config=resource.k8s.io/v1beta2=true,"
                       "resource.k8s.io/v1beta1=true,resource.k8s.io/v1alpha3=true"));
}

TEST_F(ControlPlaneTest, OpensTheSameGatesEverywhere) {
  for (const char* name : {"apiserver", "controller-manager", "scheduler"}) {
    EXPECT_THAT(words_of(name, 32), Contains("--feature-gates=DynamicResourceAllocation=true,"
                                             "ResourceHealthStatus=true,DRAAdminAccess=true,"
                                             "DRAResourceClaimDeviceStatus=true"))
        << name;
  }
}

TEST_F(ControlPlaneTest, ListensOnLoopbackOnly) {
  for (const char* name : {"apiserver", "controller-manager", "scheduler"}) {
    EXPECT_THAT(words_of(name, 36), Contains("--bind-address=127.0.0.1")) << name;
  }
  EXPECT_THAT(words_of("etcd", 36), Each(Not(HasSubstr("http"))));
}

TEST_F(ControlPlaneTest, ReachesItsNodesThroughTheirNetwork) {
  ControlPlane with_nodes = plane(36);
  with_nodes.nodes = {node_address(0, "node0")};
  const std::vector<Component> all = components(with_nodes);
  EXPECT_THAT(all.back().command.argv, ElementsAre("/mock-device", "network", "default"));
  const fs::path file = with_nodes.folder.kubernetes().egress_file();
  EXPECT_THAT(std::ranges::find(all, "apiserver", &Component::name)->command.argv,
              Contains("--egress-selector-config-file=" + file.native()));
  EXPECT_THAT(words_of("apiserver", 36), Each(Not(HasSubstr("egress"))));
}

TEST_F(ControlPlaneTest, HasAnAdministratorsConfiguration) {
  const RunFolder folder = plane(36).folder;
  for (const Preparation& preparation : control_plane_preparations("/script", plane(36))) {
    const auto* const file = std::get_if<FileText>(&preparation);
    if (file == nullptr || file->path != folder.kubeconfig()) continue;
    const auto config = nlohmann::json::parse(file->text);
    EXPECT_EQ(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:1001");
    EXPECT_EQ(config["users"][0]["user"]["client-certificate"],
              folder.kubernetes().certificate("admin").native());
    EXPECT_EQ(config["contexts"][0]["context"]["user"], config["users"][0]["name"]);
    EXPECT_EQ(config["current-context"], config["contexts"][0]["name"]);
    return;
  }
  FAIL() << "there is none";
}

class Waiting : public ControlPlaneTest {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder.path); }

  Result<void> wait_for(const std::string& script, Command probe) {
    const Component component{
        .name = "thing", .command = {.argv = {"sh", "-c", script}}, .probe = std::move(probe)};
    const auto process = start(component.command, folder.log("thing"));
    if (!process) return std::unexpected(process.error());
    auto ready = wait_until_ready(component, *process, folder, interrupt);
    if (auto stopped = stop(*process, std::chrono::seconds{5}); !stopped) return stopped;
    return ready;
  }

  KubernetesFolder folder = RunFolder::of("default")->kubernetes();
  Interrupt interrupt;
};

TEST_F(Waiting, EndsWhenTheProbeSucceeds) {
  EXPECT_TRUE(wait_for("exec sleep 60", {.argv = {"true"}}));
}

TEST_F(Waiting, EndsWithTheLastWordsOfAComponentThatEnded) {
  const auto ready = wait_for("echo no such flag; exit 1", {.argv = {"false"}});
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().message, "thing ended at its start: no such flag");
}

TEST_F(Waiting, EndsOnAnInterrupt) {
  ::raise(SIGTERM);
  EXPECT_FALSE(wait_for("exec sleep 60", {.argv = {"false"}}));
}

}  // namespace
}  // namespace mockdev::lab
