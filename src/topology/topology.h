// SPDX-License-Identifier: Apache-2.0
// The topology: which devices stand on which NUMA node of which machine. docs/topology.md has the
// file format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "base/uuid.h"

namespace mockdev::topology {

/// PCI ids of the devices, all of a topology the same.
struct PciIds {
  std::uint16_t vendor;
  std::uint16_t pf_device;
  std::uint16_t vf_device;
};

/// One PF.
struct Device {
  std::string name;  ///< "mock0" and so on within its node: the name its guest's kernel gives it
  Uuid uuid;
  ByteCount memory;
  std::uint16_t vfs;           ///< VFs that it can have, 0 to 64
  ByteCount vf_memory;         ///< of each VF
  std::uint32_t capabilities;  ///< MOCK_ACCEL_CAP_*
  unsigned slot;               ///< of the port it is plugged into, unique on its NUMA node
};

/// Devices are in the order of their slots.
struct NumaNode {
  unsigned id;
  std::vector<Device> devices;
};

/// One machine. NUMA nodes are in the order of their ids, which count from 0 without gaps.
struct Node {
  std::string name;
  std::vector<NumaNode> numa;
};

struct Topology {
  PciIds ids;
  std::vector<Node> nodes;
};

/// What is wrong with a topology file, and where.
struct Problem {
  int line;  ///< from 1; 0: no particular line
  std::string message;
};

/// Reads the text of a topology file. On failure: every problem that there is, in the order of
/// lines, at least one.
[[nodiscard]] std::expected<Topology, std::vector<Problem>> parse(std::string_view yaml);

/// Reads a topology file of at most 1 MiB. The error has one line a problem,
/// "`path`:`line`: `message`".
[[nodiscard]] Result<Topology> load(const std::filesystem::path& path);

/// The file name of a device's socket in the server's socket folder: "node0-mock1.sock".
[[nodiscard]] std::string socket_name(const Node& node, const Device& device);

}  // namespace mockdev::topology
