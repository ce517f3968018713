// SPDX-License-Identifier: Apache-2.0
// Devices by where they stand: machine, NUMA node, port, device, VF.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/accelerator.h"
#include "cli/console.h"
#include "cli/source.h"

namespace mockdev::cli {

/// A function that is nobody's VF here, with its VFs.
struct DeviceView {
  Accelerator device;
  std::vector<Accelerator> vfs;
};

struct PortView {
  std::string name;  ///< "port 0000:00:02.0", "slot 3" or "root bus"
  std::vector<DeviceView> devices;
};

struct NumaView {
  std::optional<unsigned> id;  ///< none: devices that are near to no node
  std::vector<PortView> ports;
};

struct MachineView {
  std::string name;
  std::vector<NumaView> numa_nodes;
};

/// Sorts the devices of a listing into their places, each level in its natural order. A machine
/// without devices has no NUMA nodes.
[[nodiscard]] std::vector<MachineView> arrange(const Listing& listing);

/// "NUMA node 1", "no NUMA node".
[[nodiscard]] std::string name_of(const NumaView& numa);

/// The colour of a health, the same everywhere.
[[nodiscard]] Color color_of(discovery::Health health);

/// A tree with one line for each thing.
[[nodiscard]] std::string tree_text(const std::vector<MachineView>& machines, Looks looks);

/// The tree as docs/cli.md describes it.
[[nodiscard]] Document tree_document(const std::vector<MachineView>& machines);

/// A picture: a whole SVG file that needs nothing else.
[[nodiscard]] std::string tree_svg(const std::vector<MachineView>& machines);

}  // namespace mockdev::cli
