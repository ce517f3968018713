// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/go_build.h"

namespace mockdev::lab {
namespace {

using nlohmann::ordered_json;

ordered_json node_object(const std::string& name) {
  const ordered_json resources = {{"cpu", "64"}, {"memory", "256Gi"}, {"pods", "110"}};
  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", name},
            {"labels",
             {{kSimulatedLabel, "true"},
              {"kubernetes.io/hostname", name},
              {"kubernetes.io/os", "linux"}}}}},
          {"status", {{"capacity", resources}, {"allocatable", resources}}}};
}

}  // namespace

std::string simulated_topology(unsigned nodes) {
  return fmt::format("nodes: [{{name: sim, count: {}, numa: [{{devices: 4}}, {{devices: 4}}]}}]\n",
                     nodes);
}

Result<Recipe> kwok_recipe(const Installation& installation, const Builder& builder) {
  return go_recipe(
      {.name = "kwok", .script = installation.lab() / "kwok/build", .arguments = {}, .inputs = {}},
      installation, builder);
}

std::string node_objects(const Simulation& simulation) {
  ordered_json items = ordered_json::array();
  for (const topology::Node& node : simulation.nodes) items.push_back(node_object(node.name));
  return ordered_json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}}.dump();
}

std::size_t slice_count(const Simulation& simulation) {
  std::size_t count = 0;
  for (const topology::Node& node : simulation.nodes) {
    // A NUMA node has no more devices than a slice holds.
    count += static_cast<std::size_t>(std::ranges::count_if(
        node.numa, [](const topology::NumaNode& numa) { return !numa.devices.empty(); }));
  }
  return count;
}

}  // namespace mockdev::lab
