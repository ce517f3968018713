// SPDX-License-Identifier: Apache-2.0
#include "driver/inventory_feed.h"

#include <utility>

#include "base/log.h"
#include "dra/slices.h"

namespace mockdev::driver {
namespace {

std::set<std::string> complaints_about(const discovery::Inventory& inventory) {
  std::set<std::string> complaints;
  if (!inventory.module_loaded) complaints.insert("the kernel module mock-accel is not loaded");
  for (const auto& problem : inventory.problems) {
    complaints.insert(fmt::format("device={}: {}", problem.device, problem.message));
  }
  for (const auto& device : inventory.devices) {
    if (dra::speaks_abi(device)) continue;
    complaints.insert(fmt::format(
        "device={}: the kernel module's ABI is {}; this driver ({}) speaks {} to {}, and leaves "
        "the "
        "device alone: install the same version of both",
        device.name, device.abi_version, MOCK_DEVICE_VERSION, dra::kOldestAbi, dra::kNewestAbi));
  }
  return complaints;
}

}  // namespace

InventoryFeed::InventoryFeed(const discovery::Accelerators& accelerators)
    : accelerators_(accelerators) {}

std::vector<discovery::Device> InventoryFeed::look() {
  discovery::Inventory inventory = accelerators_.look();
  auto complaints = complaints_about(inventory);
  for (const std::string& complaint : complaints) {
    if (!complaints_.contains(complaint)) log::warn("{}", complaint);
  }
  complaints_ = std::move(complaints);
  std::set<std::string> known;
  for (const auto& device : inventory.devices) {
    known.insert(fmt::format("device={} is {}", device.name, to_string(device.health)));
  }
  for (const std::string& line : known) {
    if (!known_.contains(line)) log::info("{}", line);
  }
  known_ = std::move(known);
  return std::move(inventory.devices);
}

}  // namespace mockdev::driver
