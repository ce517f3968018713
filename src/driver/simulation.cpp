// SPDX-License-Identifier: Apache-2.0
#include "driver/simulation.h"

#include <fmt/format.h>

#include "mock_accel.h"

namespace mockdev::driver {
namespace {

// As the lab gives bus numbers: NUMA nodes' root buses one after the other, each with its ports'.
constexpr unsigned kFirstBus = 16;
constexpr unsigned kBusesOfADomain = 256;

discovery::Bdf address(unsigned bus, unsigned device) {
  return {.domain = bus / kBusesOfADomain,
          .bus = static_cast<std::uint8_t>(bus % kBusesOfADomain),
          .device = static_cast<std::uint8_t>(device),
          .function = 0};
}

}  // namespace

std::vector<discovery::Device> simulated_devices(const topology::Node& machine) {
  std::vector<discovery::Device> devices;
  unsigned next_bus = kFirstBus;
  for (const topology::NumaNode& numa : machine.numa) {
    const discovery::Bdf root = address(next_bus, 0);
    const std::string root_name = fmt::format("pci{:04x}:{:02x}", root.domain, root.bus);
    const unsigned root_bus = next_bus++;
    for (const topology::Device& pf : numa.devices) {
      devices.push_back({.name = pf.name,
                         .kind = discovery::Kind::pf,
                         .uuid = pf.uuid,
                         .memory = pf.memory,
                         .capabilities = pf.capabilities,
                         .numa_node = numa.id,
                         .fw_version = "1.0.0",
                         .abi_version = MOCK_ACCEL_ABI_VERSION,
                         .health = discovery::Health::healthy,
                         .readings = discovery::Readings{},
                         .vfs = {.total = pf.vfs, .enabled = 0},
                         .pci = address(next_bus++, 0),
                         .port = address(root_bus, pf.slot - 1),
                         .pcie_root = root_name,
                         .physfn = std::nullopt});
    }
  }
  return devices;
}

}  // namespace mockdev::driver
