// SPDX-License-Identifier: Apache-2.0
#include "driver/simulation.h"

#include <fmt/format.h>

#include "mock_accel.h"

namespace mockdev::driver {
namespace {

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
  const std::vector<unsigned> buses = topology::root_buses(machine);
  for (std::size_t i = 0; i < machine.numa.size(); ++i) {
    const topology::NumaNode& numa = machine.numa[i];
    const discovery::Bdf root = address(buses[i], 0);
    const std::string root_name = fmt::format("pci{:04x}:{:02x}", root.domain, root.bus);
    unsigned bus = buses[i];
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
                         .pci = address(++bus, 0),
                         .port = address(buses[i], pf.slot - 1),
                         .pcie_root = root_name,
                         .physfn = std::nullopt});
    }
  }
  return devices;
}

}  // namespace mockdev::driver
