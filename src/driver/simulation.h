// SPDX-License-Identifier: Apache-2.0
// The devices that a machine of a topology would have, without the machine.
#pragma once

#include <vector>

#include "discovery/device.h"
#include "topology/topology.h"

namespace mockdev::driver {

/// The PFs of a machine as its kernel would present them if the lab had started it: by the same
/// names, UUIDs and PCI addresses, healthy, unallocated and without VFs.
[[nodiscard]] std::vector<discovery::Device> simulated_devices(const topology::Node& machine);

}  // namespace mockdev::driver
