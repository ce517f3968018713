// SPDX-License-Identifier: Apache-2.0
// For tests only: devices as the two sources give them.
#pragma once

#include <string>

#include "cli/accelerator.h"

namespace mockdev::cli {

inline Accelerator any_device(const std::string& name) {
  Accelerator device;
  device.name = name;
  device.uuid = *parse_uuid("123e4567-e89b-12d3-a456-426614174000");
  device.memory = 16_GiB;
  device.capabilities = 3;
  device.readings.emplace().temperature = 45000;
  return device;
}

inline Accelerator kernel_device(const std::string& name, unsigned numa_node,
                                 const std::string& port, const std::string& pci) {
  Accelerator device = any_device(name);
  device.numa_node = numa_node;
  device.port = *discovery::parse_bdf(port);
  device.pci = *discovery::parse_bdf(pci);
  return device;
}

inline Accelerator kernel_vf(const std::string& name, const std::string& pf,
                             const std::string& pci) {
  Accelerator device = kernel_device(name, 0, "0000:10:00.0", pci);
  device.kind = discovery::Kind::vf;
  device.physfn = pf;
  return device;
}

inline Accelerator server_device(const std::string& node, const std::string& name,
                                 unsigned numa_node, unsigned slot) {
  Accelerator device = any_device(name);
  device.node = node;
  device.numa_node = numa_node;
  device.slot = slot;
  return device;
}

}  // namespace mockdev::cli
