// SPDX-License-Identifier: Apache-2.0
// Any text is a topology with what its header promises, or has problems with lines that exist.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "topology/topology.h"

namespace mockdev::topology {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

void check(const PlannedFault& fault, const Device& device) {
  require(fault.kind != nullptr);
  const double number = fault.value;
  require(accel::fault_value(*fault.kind, fault.kind->value ? std::optional(number) : std::nullopt)
              .has_value());
  require(!fault.vf || *fault.vf < device.vfs);
  require(!fault.lasts || (fault.kind->lasts && fault.lasts->count() > 0));
  require(!fault.every || *fault.every >= kShortestPeriod);
  require(!fault.every || !fault.kind->lasts || (fault.lasts && *fault.lasts < *fault.every));
}

void check(const Device& device, std::set<Uuid>& uuids) {
  require(!device.uuid.is_nil() && uuids.insert(device.uuid).second);
  require(device.memory >= kMemoryGranule && device.memory <= kMaxMemory);
  require(device.memory.value() % kMemoryGranule.value() == 0);
  require(device.vfs <= MOCK_ACCEL_MAX_VFS);
  require((device.vf_memory == 0_B) == (device.vfs == 0));
  require(device.vf_memory.value() * device.vfs <= device.memory.value());
  require(device.slot >= 1 && device.slot <= kMaxSlots);
  require(device.numvfs <= device.vfs);
  require(device.faults.size() <= kMaxPlannedFaults);
  for (const PlannedFault& fault : device.faults) check(fault, device);
}

void check(const Topology& topology) {
  require(!topology.nodes.empty());
  std::set<Uuid> uuids;
  std::set<std::string_view> names;
  for (const Node& node : topology.nodes) {
    require(names.insert(node.name).second && node.name.size() <= kMaxNodeName);
    require(!node.numa.empty() && node.numa.size() <= kMaxNumaNodes);
    for (std::size_t id = 0; id < node.numa.size(); ++id) {
      const NumaNode& numa = node.numa[id];
      require(numa.id == id && numa.devices.size() <= kMaxSlots);
      // No two devices of one slot, and in order.
      require(std::ranges::adjacent_find(numa.devices, std::ranges::greater_equal{},
                                         &Device::slot) == numa.devices.end());
      for (const Device& device : numa.devices) check(device, uuids);
    }
  }
}

void check(const std::vector<Problem>& problems, std::string_view text) {
  require(!problems.empty());
  const auto lines = std::ranges::count(text, '\n') + 1;
  for (const Problem& problem : problems) {
    require(problem.line >= 0 && problem.line <= lines);
    // One line each, whatever the text holds.
    require(std::ranges::none_of(problem.message, [](char c) { return c >= 0 && c < ' '; }));
  }
}

}  // namespace
}  // namespace mockdev::topology

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto topology = mockdev::topology::parse(text);
  if (topology) {
    mockdev::topology::check(*topology);
  } else {
    mockdev::topology::check(topology.error(), text);
  }
  return 0;
}
