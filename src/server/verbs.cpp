// SPDX-License-Identifier: Apache-2.0
#include "server/verbs.h"

#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include "accel/capabilities.h"
#include "accel/faults.h"
#include "base/log.h"
#include "mock_accel.h"

namespace mockdev::server {
namespace {

using nlohmann::json;

json capability_names(std::uint32_t bits) {
  json names = json::array();
  for (const accel::Capability& capability : accel::kCapabilities) {
    if ((bits & capability.bit) != 0) names.push_back(capability.name);
  }
  return names;
}

json owner_entry(const Uuid& owner) {
  return owner.is_nil() ? json(nullptr) : json(to_string(owner));
}

/// The VFs that the machine has enabled, by number.
json vf_entries(const accel::Snapshot& pf) {
  json vfs = json::array();
  for (const accel::Snapshot& vf : pf.vfs) {
    vfs.push_back({{"uuid", to_string(vf.settings.uuid)},
                   {"memory", vf.settings.memory.value()},
                   {"status", vf.allocated ? "allocated" : "free"},
                   {"owner", owner_entry(vf.owner)}});
  }
  return vfs;
}

json entry(const HostedDevice& hosted, const vfio_user::Server& server) {
  const auto& [node, numa, device, attach, segment, socket] = hosted.place;
  const accel::Snapshot now = hosted.accelerator->snapshot();
  return {
      {"node", node},
      {"name", device.name},
      {"numa", numa},
      {"slot", device.slot},
      {"uuid", to_string(device.uuid)},
      {"memory", device.memory.value()},
      {"vfs", device.vfs},
      {"capabilities", capability_names(device.capabilities)},
      {"health", accel::to_string(now.health)},
      {"temperature", now.temperature},
      {"error_count", now.error_count},
      {"status", now.allocated ? "allocated" : "free"},
      {"owner", owner_entry(now.owner)},
      {"faults", now.faults},
      {"attach", topology::to_string(attach)},
      {"plugged", hosted.bridge == nullptr || hosted.bridge->plugged(device.slot)},
      {"enabled_vfs", vf_entries(now)},
      {"socket", socket.native()},
      {"connected", server.connected(socket)},
  };
}

Result<json> version() {
  return json{{"version", MOCK_DEVICE_VERSION},
              {"abi", MOCK_ACCEL_ABI_VERSION},
              {"pid", static_cast<long>(::getpid())}};
}

/// The faults that there are, for help texts.
Result<json> faults() {
  json rows = json::array();
  for (const accel::FaultKind& kind : accel::fault_kinds()) {
    json row = {{"name", kind.name}, {"meaning", kind.meaning}, {"value", nullptr}};
    if (kind.value) {
      row["value"] = {{"unit", kind.value->unit},
                      {"least", kind.value->least},
                      {"most", kind.value->most},
                      {"default", kind.value->if_omitted}};
    }
    rows.push_back(std::move(row));
  }
  return json{{"faults", std::move(rows)}};
}

/// An argument that is a text; none if it was not given.
Result<std::optional<std::string>> text_of(const json& request, const char* name) {
  const auto found = request.find(name);
  if (found == request.end()) return std::nullopt;
  if (!found->is_string()) return fail("{}: has to be a text", name);
  return found->get<std::string>();
}

Result<std::optional<double>> number_of(const json& request, const char* name) {
  const auto found = request.find(name);
  if (found == request.end()) return std::nullopt;
  if (!found->is_number()) return fail("{}: has to be a number", name);
  return found->get<double>();
}

/// The device that a request is about.
Result<const HostedDevice*> device_of(const json& request, std::span<const HostedDevice> devices) {
  const auto address = text_of(request, "device");
  if (!address) return std::unexpected(address.error());
  return find_device(devices, **address);
}

Result<fabric::Bridge*> bridge_of(const HostedDevice& device) {
  if (device.bridge != nullptr) return device.bridge;
  return fail("{}: is attached directly, and stays; with `attach: fabric` it has a slot",
              full_name(device.place));
}

/// What the port of a device on a fabric sees of a fault that has just come or gone.
Result<void> show_at_slot(const HostedDevice& device, accel::SlotEffect effect) {
  const unsigned slot = device.place.device.slot;
  switch (effect) {
    case accel::SlotEffect::none:
      return {};
    case accel::SlotEffect::link:
      return device.bridge->set_link(slot, !device.accelerator->snapshot().link_down);
    case accel::SlotEffect::correctable:
      return device.bridge->report_error(slot, pci::ErrorMessage::correctable);
    case accel::SlotEffect::nonfatal:
      return device.bridge->report_error(slot, pci::ErrorMessage::nonfatal);
    case accel::SlotEffect::fatal:
      return device.bridge->report_error(slot, pci::ErrorMessage::fatal);
  }
  return {};
}

Result<void> inject(const json& request, const HostedDevice& device) {
  const auto fault = text_of(request, "fault");
  if (!fault) return std::unexpected(fault.error());
  const auto value = number_of(request, "value");
  if (!value) return std::unexpected(value.error());
  const auto kind = accel::find_fault(**fault);
  if (!kind) return std::unexpected(kind.error());
  const accel::SlotEffect effect = (*kind)->slot;
  if (effect != accel::SlotEffect::none) {
    if (const auto bridge = bridge_of(device); !bridge) return std::unexpected(bridge.error());
  }
  if (auto injected = device.accelerator->inject(**fault, *value); !injected) return injected;
  if (auto shown = show_at_slot(device, effect); !shown) return shown;
  log::info("{}: fault {} injected", full_name(device.place), **fault);
  return {};
}

Result<void> heal(const json& request, const HostedDevice& device) {
  const auto fault = text_of(request, "fault");
  if (!fault) return std::unexpected(fault.error());
  const std::optional<std::string_view> name = *fault;
  if (auto healed = device.accelerator->heal(name); !healed) return healed;
  if (device.bridge != nullptr) {
    if (auto shown = show_at_slot(device, accel::SlotEffect::link); !shown) return shown;
  }
  log::info("{}: {} healed", full_name(device.place), name.value_or("all faults"));
  return {};
}

/// Moves a card into or out of its slot.
Result<void> move_card(const HostedDevice& device, Result<void> (fabric::Bridge::*move)(unsigned),
                       std::string_view done) {
  const auto bridge = bridge_of(device);
  if (!bridge) return std::unexpected(bridge.error());
  const std::string name = full_name(device.place);
  if (auto moved = ((*bridge)->*move)(device.place.device.slot); !moved) {
    return fail("{}: {}", name, moved.error().message);
  }
  log::info("{}: {}", name, done);
  return {};
}

Result<void> plug(const json& /*request*/, const HostedDevice& device) {
  return move_card(device, &fabric::Bridge::plug, "plugged in");
}

Result<void> unplug(const json& /*request*/, const HostedDevice& device) {
  return move_card(device, &fabric::Bridge::unplug, "pulled out");
}

}  // namespace

std::vector<control::Verb> control_verbs(std::span<const HostedDevice> devices,
                                         const vfio_user::Server& server) {
  /// Does something to one device and replies with what the device is then.
  const auto on_device = [devices, &server](auto change) {
    return [devices, &server, change](const json& request) -> Result<json> {
      const auto device = device_of(request, devices);
      if (!device) return std::unexpected(device.error());
      if (auto changed = change(request, **device); !changed) {
        return std::unexpected(changed.error());
      }
      return json{{"device", entry(**device, server)}};
    };
  };
  const auto list = [devices, &server](const json&) -> Result<json> {
    json entries = json::array();
    for (const HostedDevice& device : devices) entries.push_back(entry(device, server));
    return json{{"devices", std::move(entries)}};
  };
  const control::Argument device{.name = "device"};
  const control::Argument fault{.name = "fault"};
  const control::Argument fault_or_all{.name = "fault", .required = false};
  const control::Argument value{.name = "value", .required = false};
  return {
      {.name = "version", .arguments = {}, .run = [](const json&) { return version(); }},
      {.name = "list", .arguments = {}, .run = list},
      {.name = "faults", .arguments = {}, .run = [](const json&) { return faults(); }},
      {.name = "fault", .arguments = {device, fault, value}, .run = on_device(inject)},
      {.name = "heal", .arguments = {device, fault_or_all}, .run = on_device(heal)},
      {.name = "plug", .arguments = {device}, .run = on_device(plug)},
      {.name = "unplug", .arguments = {device}, .run = on_device(unplug)},
  };
}

}  // namespace mockdev::server
