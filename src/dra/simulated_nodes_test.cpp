// SPDX-License-Identifier: Apache-2.0
#include "dra/simulated_nodes.h"

#include <atomic>
#include <chrono>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "dra/testing.h"
#include "kube/fake_api.h"
#include "kube/json_access.h"

namespace mockdev::dra {
namespace {

using kube::text_at;
using nlohmann::json;
using std::chrono::milliseconds;

class SimulatedNodesTest : public ::testing::Test {
 protected:
  const kube::Resource nodes_{.version = "v1", .plural = "nodes"};
  const kube::Resource pods_{.version = "v1", .plural = "pods", .ns = "system"};
  const kube::Resource slices_{
      .group = "resource.k8s.io", .version = "v1", .plural = "resourceslices"};

  void add_node(const std::string& name) {
    ASSERT_TRUE(api_.create(nodes_, {{"metadata", {{"name", name}}}}));
  }
  void add_agent(const std::string& node) {
    ASSERT_TRUE(api_.create(
        pods_, {{"metadata", {{"name", "agent-" + node}, {"labels", {{"app", "agent"}}}}},
                {"spec", {{"nodeName", node}}}}));
  }

  /// Nodes whose names begin with "sim" have two devices on as many NUMA nodes.
  void simulate(const std::string& selector = "") {
    simulation_.emplace(
        api_, SimulatedNodesSettings{
                  .publisher = {.driver = driver_, .node = {}, .api_version = "v1"},
                  .slices = {.driver = driver_, .node = {}},
                  .features = {},
                  .devices_of = [this](const NodeName& node) { return devices_of(node); },
                  .agent_namespace = "system",
                  .agent_selector = selector,
                  .grace = milliseconds(0),
                  .repair_delay = milliseconds(1),
                  .first_backoff = milliseconds(1),
                  .workers = 4,
                  .on_pass = [this](const Result<Published>& pass) { failures_ += pass ? 0 : 1; }});
  }

  std::optional<std::vector<discovery::Device>> devices_of(const NodeName& node) {
    if (!node.text().starts_with("sim")) return std::nullopt;
    FakeAccelerators machine;
    machine.add("mock0");
    machine.add("mock1").numa_node = 1;
    machine.device("mock0").memory = ByteCount{memory_};
    return machine.inventory.devices;
  }

  /// The slices of a node.
  std::vector<json> slices_of(const std::string& node) {
    const auto list =
        api_.list(slices_, {.field_selector = "spec.driver=a.example.com,spec.nodeName=" + node});
    return list->at("items").get<std::vector<json>>();
  }
  [[nodiscard]] std::size_t writes() const {
    return api_.count("create") + api_.count("update") + api_.count("delete");
  }
  /// Waits for the end of all work that is known of.
  void settle() {
    EXPECT_TRUE(eventually([&] { return simulation_->up_to_date(); }));
  }

  const DriverName driver_{"a.example.com"};
  kube::FakeApi api_;
  std::atomic<std::uint64_t> memory_ = 1ULL << 30U;
  std::atomic<int> failures_ = 0;
  std::optional<SimulatedNodes> simulation_;
};

TEST_F(SimulatedNodesTest, PublishesForTheNodesThatThereAre) {
  add_node("sim1");
  add_node("real");
  simulate();
  settle();
  const auto slices = slices_of("sim1");
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_TRUE(is_simulated(slices[0], driver_));
  EXPECT_EQ(slices[0]["metadata"]["name"], "00000-a.example.com-sim1-numa0");
  EXPECT_EQ(slices[0]["spec"]["pool"]["name"], "sim1/numa0");
  EXPECT_EQ(slices[0]["metadata"]["ownerReferences"][0]["uid"],
            api_.get(nodes_.named("sim1"))->at("metadata").at("uid"));
  EXPECT_TRUE(slices_of("real").empty());
  // One request a slice, and nothing else but what is watched.
  EXPECT_EQ(api_.count("get"), 1U) << "but this test's own";
  add_node("sim2");
  EXPECT_TRUE(eventually([&] { return slices_of("sim2").size() == 2; }));
}

TEST_F(SimulatedNodesTest, WhatIsRightCostsNothing) {
  for (int node = 0; node < 20; ++node) add_node("sim" + std::to_string(node));
  simulate();
  settle();
  const std::size_t before = writes();
  const std::size_t reads = api_.count("get");
  simulate();  // another replica
  settle();
  EXPECT_EQ(writes(), before);
  EXPECT_EQ(api_.count("get"), reads);
}

TEST_F(SimulatedNodesTest, RepairsWhatOthersChange) {
  add_node("sim1");
  simulate();
  settle();
  auto slice = slices_of("sim1").front();
  const auto place = slices_.named(text_at(slice, {"metadata", "name"}));
  slice["spec"]["devices"] = json::array();
  ASSERT_TRUE(api_.update(place, slice));
  const auto has_device = [&] {
    const auto now = api_.get(place);
    return now && !now->at("spec").value("devices", json::array()).empty();
  };
  EXPECT_TRUE(eventually(has_device));
  ASSERT_TRUE(api_.remove(place));
  EXPECT_TRUE(eventually(has_device));

  // Nor is it lost on a replica that has written none of them.
  simulate();
  settle();
  ASSERT_TRUE(api_.remove(place));
  EXPECT_TRUE(eventually(has_device));
}

TEST_F(SimulatedNodesTest, AnotherTopologyReplacesTheFirst) {
  add_node("sim1");
  simulate();
  settle();
  simulation_.reset();
  memory_ = 1ULL << 31U;
  ASSERT_TRUE(api_.create(
      slices_,
      {{"metadata", {{"name", "old"}, {"labels", {{simulated_label(driver_), "true"}}}}},
       {"spec",
        {{"driver", "a.example.com"}, {"nodeName", "real"}, {"pool", {{"name", "real"}}}}}}));
  add_node("real");
  simulate();
  settle();
  EXPECT_TRUE(slices_of("real").empty());
  const auto slices = slices_of("sim1");
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0]["spec"]["pool"]["generation"], 1) << "one slice changed within the pool";
  EXPECT_NE(slices[0]["spec"]["devices"].dump().find("2Gi"), std::string::npos);
}

TEST_F(SimulatedNodesTest, ANodeWithAnAgentIsTheAgents) {
  add_node("sim1");
  add_agent("sim1");
  add_node("sim2");
  simulate("app=agent");
  settle();
  EXPECT_TRUE(slices_of("sim1").empty());
  EXPECT_EQ(slices_of("sim2").size(), 2U);
  ASSERT_TRUE(api_.remove(pods_.named("agent-sim1")));
  EXPECT_TRUE(eventually([&] { return slices_of("sim1").size() == 2; }));
}

TEST_F(SimulatedNodesTest, WithoutASelectorForeignSlicesTellOfAnAgent) {
  add_node("sim1");
  ASSERT_TRUE(api_.create(
      slices_,
      {{"metadata", {{"name", "an-agents"}}},
       {"spec",
        {{"driver", "a.example.com"}, {"nodeName", "sim1"}, {"pool", {{"name", "sim1/numa0"}}}}}}));
  add_node("sim2");
  simulate();
  settle();
  EXPECT_EQ(slices_of("sim2").size(), 2U);
  ASSERT_EQ(slices_of("sim1").size(), 1U);
  EXPECT_FALSE(is_simulated(slices_of("sim1").front(), driver_));
  ASSERT_TRUE(api_.remove(slices_.named("an-agents")));
  EXPECT_TRUE(eventually([&] { return slices_of("sim1").size() == 2; }));
}

TEST_F(SimulatedNodesTest, ANodeThatComesBackGetsSlicesOfItsOwn) {
  add_node("sim1");
  simulate();
  settle();
  ASSERT_TRUE(api_.remove(nodes_.named("sim1")));
  for (const json& slice : slices_of("sim1")) {  // as the garbage collector does
    ASSERT_TRUE(api_.remove(slices_.named(text_at(slice, {"metadata", "name"}))));
  }
  settle();
  EXPECT_TRUE(slices_of("sim1").empty());
  add_node("sim1");
  EXPECT_TRUE(eventually([&] { return slices_of("sim1").size() == 2; }));
}

TEST_F(SimulatedNodesTest, TriesAgainWhatFails) {
  std::atomic<int> failures = 3;
  api_.before = [&](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
    const bool ours = call.verb == "create" && call.resource.plural == "resourceslices";
    if (!ours || failures-- <= 0) return std::nullopt;
    return kube::ApiError{.status = 403, .reason = "Forbidden", .message = "create: forbidden"};
  };
  add_node("sim1");
  simulate();
  EXPECT_TRUE(eventually([&] { return slices_of("sim1").size() == 2; }));
  EXPECT_EQ(failures_, 2) << "passes; one pool's failure does not keep the other from being tried";
}

}  // namespace
}  // namespace mockdev::dra
