// SPDX-License-Identifier: Apache-2.0
#include "driver/simulation.h"

#include <fmt/format.h>

#include "mock_accel.h"

namespace mockdev::driver {
namespace {

constexpr unsigned kBusesOfADomain = 256;

/// Bus numbers count on from one PCI segment to the next.
discovery::Bdf address(unsigned bus, unsigned device) {
  return {.domain = bus / kBusesOfADomain,
          .bus = static_cast<std::uint8_t>(bus % kBusesOfADomain),
          .device = static_cast<std::uint8_t>(device),
          .function = 0};
}

/// Where the root bus of each NUMA node's devices is: on the machine's own segment or, where they
/// stand on a fabric, on one of their own.
std::vector<unsigned> device_roots(const topology::Node& machine) {
  if (machine.attach == topology::Attach::direct) return topology::root_buses(machine);
  std::vector<unsigned> roots;
  for (const topology::NumaNode& numa : machine.numa) {
    roots.push_back(topology::fabric_segment(numa) * kBusesOfADomain);
  }
  return roots;
}

discovery::Device simulated(const topology::Device& pf, unsigned numa, unsigned root_bus,
                            unsigned bus) {
  const discovery::Bdf root = address(root_bus, 0);
  return {.name = pf.name,
          .kind = discovery::Kind::pf,
          .uuid = pf.uuid,
          .memory = pf.memory,
          .capabilities = pf.capabilities,
          .numa_node = numa,
          .socket = numa,  // the lab's machines have one for each
          .fw_version = "1.0.0",
          .abi_version = MOCK_ACCEL_ABI_VERSION,
          .health = discovery::Health::healthy,
          .readings = discovery::Readings{},
          .vfs = {.total = pf.vfs, .enabled = 0},
          .pci = address(bus, 0),
          .port = address(root_bus, pf.slot - 1),
          .pcie_root = fmt::format("pci{:04x}:{:02x}", root.domain, root.bus),
          .physfn = std::nullopt};
}

}  // namespace

std::vector<discovery::Device> simulated_devices(const topology::Node& machine) {
  std::vector<discovery::Device> devices;
  const std::vector<unsigned> roots = device_roots(machine);
  for (std::size_t i = 0; i < machine.numa.size(); ++i) {
    const topology::NumaNode& numa = machine.numa[i];
    unsigned bus = roots[i];
    for (const topology::Device& pf : numa.devices) {
      devices.push_back(simulated(pf, numa.id, roots[i], ++bus));
    }
  }
  return devices;
}

}  // namespace mockdev::driver
