// SPDX-License-Identifier: Apache-2.0
// Nodes of a cluster that no machine is behind: kwok plays their kubelets, and this project's
// controller publishes their devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/cache.h"
#include "lab/installation.h"
#include "lab/preparation.h"
#include "lab/tools.h"
#include "topology/topology.h"

namespace mockdev::lab {

/// The label that these Node objects and their slices have, and the selector for them.
inline constexpr const char* kSimulatedLabel = "mock-accel.example.com/simulated";
inline constexpr const char* kSimulatedSelector = "mock-accel.example.com/simulated=true";

/// TCP ports of the loopback address.
struct SimulationPorts {
  std::uint16_t kwok;
  std::uint16_t controller;
};

struct Simulation {
  std::filesystem::path kwok;    ///< the program
  std::filesystem::path stages;  ///< its configuration
  std::filesystem::path driver;  ///< mock-accel-dra-driver
  std::string topology;          ///< the text of its topology file
  std::vector<topology::Node> nodes;
  SimulationPorts ports;
};

/// The topology file of so many nodes of two NUMA nodes with four devices each.
[[nodiscard]] std::string simulated_topology(unsigned nodes);

/// Builds kwok, which is then in the recipe's folder itself, with its stages.yaml.
[[nodiscard]] Result<Recipe> kwok_recipe(const Installation& installation, const Builder& builder);

/// The Node objects, as a file for kubectl.
[[nodiscard]] std::string node_objects(const Simulation& simulation);

/// How many ResourceSlices the nodes have.
[[nodiscard]] std::size_t slice_count(const Simulation& simulation);

}  // namespace mockdev::lab
