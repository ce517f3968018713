// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace mockdev::lab {
namespace {

using nlohmann::json;

Simulation simulation(const std::string& text) {
  return {.kwok = {},
          .stages = {},
          .driver = {},
          .topology = text,
          .nodes = topology::parse(text)->nodes,
          .ports = {}};
}

TEST(SimulationTest, ANumberIsATopology) {
  const Simulation made = simulation(simulated_topology(1000));
  EXPECT_EQ(made.nodes.size(), 1000U);
  EXPECT_EQ(made.nodes.back().name, "sim-999");
  EXPECT_EQ(slice_count(made), 2000U);
}

TEST(SimulationTest, EachNodeIsAnObject) {
  const json list = json::parse(
      node_objects(simulation("nodes: [{name: a, numa: [{}]}, {name: b, numa: [{devices: 1}]}]")));
  ASSERT_EQ(list["items"].size(), 2U);
  const json& node = list["items"][1];
  EXPECT_EQ(node["kind"], "Node");
  EXPECT_EQ(node["metadata"]["name"], "b");
  EXPECT_EQ(node["metadata"]["labels"][kSimulatedLabel], "true");
  EXPECT_EQ(node["status"]["allocatable"]["pods"], "110");
}

TEST(SimulationTest, ANumaNodeWithoutDevicesHasNoSlice) {
  EXPECT_EQ(slice_count(simulation(
                "nodes: [{name: a, numa: [{}]}, {name: b, numa: [{devices: 1}, {devices: 32}]}]")),
            2U);
}

}  // namespace
}  // namespace mockdev::lab
