// SPDX-License-Identifier: Apache-2.0
#include "server/hosted_device.h"

#include <algorithm>
#include <string>

#include <fmt/ranges.h>

namespace mockdev::server {
namespace {

std::string full_name(const HostedDevice& device) {
  return fmt::format("{}/{}", device.place.node, device.place.device.name);
}

bool answers_to(const HostedDevice& device, std::string_view address, const Result<Uuid>& uuid) {
  if (uuid) return device.place.device.uuid == *uuid;
  return address.find('/') == std::string_view::npos ? device.place.device.name == address
                                                     : full_name(device) == address;
}

}  // namespace

Result<std::vector<HostedDevice>> make_devices(const Plan& plan) {
  std::vector<HostedDevice> devices;
  devices.reserve(plan.devices.size());
  for (const Placement& place : plan.devices) {
    auto accelerator = accel::Accelerator::make({.uuid = place.device.uuid,
                                                 .memory = place.device.memory,
                                                 .capabilities = place.device.capabilities,
                                                 .vfs = place.device.vfs,
                                                 .vendor = plan.ids.vendor,
                                                 .pf_device = plan.ids.pf_device,
                                                 .vf_device = plan.ids.vf_device});
    if (!accelerator) {
      return with_context(fmt::format("{}/{}", place.node, place.device.name), accelerator.error());
    }
    auto endpoint = std::make_unique<DirectDevice>(**accelerator);
    devices.push_back(
        {.place = place, .accelerator = *std::move(accelerator), .endpoint = std::move(endpoint)});
  }
  return devices;
}

Result<const HostedDevice*> find_device(std::span<const HostedDevice> devices,
                                        std::string_view address) {
  const Result<Uuid> uuid = parse_uuid(address);
  const HostedDevice* found = nullptr;
  for (const HostedDevice& device : devices) {
    if (!answers_to(device, address, uuid)) continue;
    if (found != nullptr) {
      return fail("{}: several nodes have one; say {} or {}", address, full_name(*found),
                  full_name(device));
    }
    found = &device;
  }
  if (found != nullptr) return found;
  return fail("{}: no such device; there are {}{}", address, full_name(devices.front()),
              devices.size() == 1 ? "" : " to " + full_name(devices.back()));
}

}  // namespace mockdev::server
