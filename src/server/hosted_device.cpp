// SPDX-License-Identifier: Apache-2.0
#include "server/hosted_device.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include <fmt/ranges.h>

namespace mockdev::server {
namespace {

using HostedDevices = std::vector<HostedDevice>;

bool answers_to(const HostedDevice& device, std::string_view address, const Result<Uuid>& uuid) {
  if (uuid) return device.place.device.uuid == *uuid;
  return address.find('/') == std::string_view::npos ? device.place.device.name == address
                                                     : full_name(device.place) == address;
}

/// "mock1_vf3" as "mock1" and 3; none: it does not end like the name of a VF.
std::optional<std::pair<std::string_view, std::uint16_t>> split_vf_name(std::string_view address) {
  const std::size_t digits = address.find_last_not_of("0123456789") + 1;
  const std::string_view stem = address.substr(0, digits);
  if (!stem.ends_with("_vf") && !stem.ends_with("-vf")) return std::nullopt;
  std::uint16_t vf = 0;
  const char* const end = std::to_address(address.end());
  const auto [rest, error] = std::from_chars(std::to_address(address.begin()) + digits, end, vf);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return std::pair(stem.substr(0, stem.size() - std::string_view("_vf").size()), vf);
}

std::optional<Target> find_vf(std::span<const HostedDevice> devices, const Uuid& uuid) {
  for (const HostedDevice& device : devices) {
    for (std::uint16_t vf = 0; vf < device.place.device.vfs; ++vf) {
      if (accel::vf_uuid(device.place.device.uuid, vf) == uuid) return Target{&device, vf};
    }
  }
  return std::nullopt;
}

/// The first device that does not share an endpoint with `first`: those on one fabric stand beside
/// each other.
HostedDevices::iterator end_of_endpoint(HostedDevices& devices, HostedDevices::iterator first) {
  if (first->place.attach == topology::Attach::direct) return first + 1;
  return std::find_if(first, devices.end(), [&](const HostedDevice& device) {
    return device.place.node != first->place.node || device.place.numa != first->place.numa;
  });
}

/// Slot 2 of NUMA node 1 is number 202 of its machine.
std::uint16_t physical_slot(const Placement& place) {
  constexpr unsigned kOfNumaNode = 100;
  static_assert(topology::kMaxSlots < kOfNumaNode);
  return static_cast<std::uint16_t>(kOfNumaNode * (place.numa + 1) + place.device.slot);
}

/// The bridge of a NUMA node.
std::unique_ptr<fabric::Bridge> make_bridge(const topology::PciIds& ids,
                                            std::span<HostedDevice> devices) {
  std::vector<fabric::Slot> slots;
  for (const HostedDevice& device : devices) {
    slots.push_back({.number = device.place.device.slot,
                     .physical = physical_slot(device.place),
                     .card = device.accelerator.get()});
  }
  auto bridge = std::make_unique<fabric::Bridge>(
      fabric::Settings{.vendor = ids.vendor, .segment = devices.front().place.segment}, slots);
  for (HostedDevice& device : devices) device.bridge = bridge.get();
  return bridge;
}

void add_endpoints(const topology::PciIds& ids, Host& host) {
  for (auto first = host.devices.begin(); first != host.devices.end();) {
    const auto end = end_of_endpoint(host.devices, first);
    Endpoint endpoint{.socket = first->place.socket, .bridge = nullptr, .device = nullptr};
    if (first->place.attach == topology::Attach::fabric) {
      endpoint.bridge = make_bridge(ids, std::span(first, end));
      endpoint.device = std::make_unique<DirectDevice>(*endpoint.bridge);
    } else {
      endpoint.device = std::make_unique<DirectDevice>(*first->accelerator);
    }
    host.endpoints.push_back(std::move(endpoint));
    first = end;
  }
}

}  // namespace

Result<Host> make_host(const Plan& plan) {
  Host host;
  for (const Placement& place : plan.devices) {
    auto accelerator = accel::Accelerator::make({.uuid = place.device.uuid,
                                                 .memory = place.device.memory,
                                                 .capabilities = place.device.capabilities,
                                                 .vfs = place.device.vfs,
                                                 .vf_memory = place.device.vf_memory,
                                                 .vendor = plan.ids.vendor,
                                                 .pf_device = plan.ids.pf_device,
                                                 .vf_device = plan.ids.vf_device});
    if (!accelerator) {
      return with_context(full_name(place), accelerator.error());
    }
    host.devices.push_back({.place = place, .accelerator = *std::move(accelerator)});
  }
  add_endpoints(plan.ids, host);
  return host;
}

std::string device_name(const Target& target) {
  const std::string& pf = target.device->place.device.name;
  return target.vf ? fmt::format("{}_vf{}", pf, *target.vf) : pf;
}

std::string full_name(const Target& target) {
  return fmt::format("{}/{}", target.device->place.node, device_name(target));
}

Result<const HostedDevice*> find_device(std::span<const HostedDevice> devices,
                                        std::string_view address) {
  const Result<Uuid> uuid = parse_uuid(address);
  const HostedDevice* found = nullptr;
  for (const HostedDevice& device : devices) {
    if (!answers_to(device, address, uuid)) continue;
    if (found != nullptr) {
      return fail("{}: several nodes have one; say {} or {}", address, full_name(found->place),
                  full_name(device.place));
    }
    found = &device;
  }
  if (found != nullptr) return found;
  return fail("{}: no such device; there are {}{}", address, full_name(devices.front().place),
              devices.size() == 1 ? "" : " to " + full_name(devices.back().place));
}

Result<Target> find_target(std::span<const HostedDevice> devices, std::string_view address) {
  if (const auto uuid = parse_uuid(address)) {
    if (const auto vf = find_vf(devices, *uuid)) return *vf;
  }
  const auto parts = split_vf_name(address);
  const auto device = find_device(devices, parts ? parts->first : address);
  if (!device) return std::unexpected(device.error());
  if (!parts) return Target{*device, std::nullopt};
  const std::uint16_t vfs = (*device)->place.device.vfs;
  if (parts->second < vfs) return Target{*device, parts->second};
  return fail("{}: {} can have {} VFs, numbered from 0", address, full_name((*device)->place), vfs);
}

}  // namespace mockdev::server
