// SPDX-License-Identifier: Apache-2.0
#include "driver/inventory_feed.h"

#include <algorithm>
#include <functional>
#include <string_view>
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

bool only_changes(std::span<const discovery::Event> news) {
  return !news.empty() &&
         std::ranges::all_of(news, [](const auto& event) { return event.action == "change"; });
}

InventoryFeed::InventoryFeed(const discovery::Accelerators& accelerators)
    : accelerators_(accelerators) {}

std::vector<discovery::Device> InventoryFeed::look() {
  return note(accelerators_.look());
}

std::vector<discovery::Device> InventoryFeed::look_again(std::span<const discovery::Event> news) {
  std::set<std::string, std::less<>> names;
  for (const auto& event : news) names.insert(event.device);
  auto seen = accelerators_.look([&](std::string_view name) { return names.contains(name); });
  discovery::Inventory inventory = last_;
  for (auto& device : seen.devices) {
    const auto known = std::ranges::find(inventory.devices, device.name, &discovery::Device::name);
    // Whatever is not there to be replaced needs a place among the others.
    if (known == inventory.devices.end()) return look();
    *known = std::move(device);
    names.erase(known->name);
  }
  // One that can't be read is not what it was.
  if (!names.empty()) return look();
  return note(std::move(inventory));
}

std::vector<discovery::Device> InventoryFeed::note(discovery::Inventory inventory) {
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
  last_ = std::move(inventory);
  return last_.devices;
}

}  // namespace mockdev::driver
