// SPDX-License-Identifier: Apache-2.0
#include "server/verbs.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include "accel/capabilities.h"
#include "accel/faults.h"
#include "base/log.h"
#include "mock_accel.h"
#include "server/device_faults.h"

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

/// What a PF and a VF both are at a moment.
json moment_entry(const accel::Snapshot& now) {
  return {
      {"uuid", to_string(now.settings.uuid)},   {"memory", now.settings.memory.value()},
      {"health", accel::to_string(now.health)}, {"temperature", now.temperature},
      {"error_count", now.error_count},         {"status", now.allocated ? "allocated" : "free"},
      {"owner", owner_entry(now.owner)},        {"faults", now.faults},
  };
}

/// The VFs that the machine has enabled, by number.
json vf_entries(const HostedDevice& hosted, const accel::Snapshot& pf) {
  json vfs = json::array();
  for (const accel::Snapshot& vf : pf.vfs) {
    const auto number = static_cast<std::uint16_t>(vfs.size());
    json entry = moment_entry(vf);
    entry["name"] = device_name({.device = &hosted, .vf = number});
    vfs.push_back(std::move(entry));
  }
  return vfs;
}

json entry(const HostedDevice& hosted, const vfio_user::Server& server) {
  const auto& [node, numa, device, attach, segment, socket] = hosted.place;
  const accel::Snapshot now = hosted.accelerator->snapshot();
  json entry = moment_entry(now);
  entry.update({
      {"node", node},
      {"name", device.name},
      {"numa", numa},
      {"slot", device.slot},
      {"vfs", device.vfs},
      {"capabilities", capability_names(device.capabilities)},
      {"attach", topology::to_string(attach)},
      {"plugged", hosted.bridge == nullptr || hosted.bridge->plugged(device.slot)},
      {"enabled_vfs", vf_entries(hosted, now)},
      {"socket", socket.native()},
      {"connected", server.connected(socket)},
  });
  return entry;
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

/// The PF or VF that a request is about.
Result<Target> target_of(const json& request, std::span<const HostedDevice> devices) {
  const auto address = text_of(request, "device");
  if (!address) return std::unexpected(address.error());
  return find_target(devices, **address);
}

Result<void> inject_as_asked(const json& request, const Target& target) {
  const auto fault = text_of(request, "fault");
  if (!fault) return std::unexpected(fault.error());
  const auto value = number_of(request, "value");
  if (!value) return std::unexpected(value.error());
  return inject(target, **fault, *value);
}

Result<void> heal_as_asked(const json& request, const Target& target) {
  const auto fault = text_of(request, "fault");
  if (!fault) return std::unexpected(fault.error());
  return heal(target, *fault);
}

/// Moves a card into or out of its slot.
Result<void> move_card(const Target& target, Result<void> (fabric::Bridge::*move)(unsigned),
                       std::string_view done) {
  const HostedDevice& device = *target.device;
  if (target.vf) {
    return fail("{}: a VF has no slot; that of its card is {}'s", full_name(target),
                full_name(device.place));
  }
  const auto bridge = bridge_of(device);
  if (!bridge) return std::unexpected(bridge.error());
  const std::string name = full_name(device.place);
  if (auto moved = ((*bridge)->*move)(device.place.device.slot); !moved) {
    return fail("{}: {}", name, moved.error().message);
  }
  log::info("{}: {}", name, done);
  return {};
}

Result<void> plug(const json& /*request*/, const Target& target) {
  return move_card(target, &fabric::Bridge::plug, "plugged in");
}

Result<void> unplug(const json& /*request*/, const Target& target) {
  return move_card(target, &fabric::Bridge::unplug, "pulled out");
}

double in_seconds(Schedule::Clock::duration time) {
  return std::chrono::duration<double>(std::chrono::ceil<std::chrono::milliseconds>(time)).count();
}

json seconds_or_null(const std::optional<std::chrono::milliseconds>& time) {
  return time ? json(in_seconds(*time)) : json(nullptr);
}

json planned_entry(const Schedule::Entry& entry, Schedule::Clock::time_point now) {
  const topology::PlannedFault& fault = *entry.fault;
  json row = {
      {"node", entry.target.device->place.node},
      {"device", device_name(entry.target)},
      {"fault", fault.kind->name},
      {"value", nullptr},
      {"at", in_seconds(fault.at)},
      {"for", seconds_or_null(fault.lasts)},
      {"every", seconds_or_null(fault.every)},
      {"on", entry.on},
      {"next", nullptr},
  };
  if (fault.kind->value) row["value"] = fault.value;
  if (entry.next) row["next"] = std::max(in_seconds(*entry.next - now), 0.0);
  return row;
}

/// The faults that the topology file has planned.
Result<json> planned(const Schedule& schedule) {
  const auto now = Schedule::Clock::now();
  json rows = json::array();
  for (const Schedule::Entry& entry : schedule.entries()) rows.push_back(planned_entry(entry, now));
  return json{{"schedule", std::move(rows)}};
}

}  // namespace

std::vector<control::Verb> control_verbs(std::span<const HostedDevice> devices,
                                         const vfio_user::Server& server,
                                         const Schedule& schedule) {
  /// Does something to one device and replies with what the device is then.
  const auto on_device = [devices, &server](auto change) {
    return [devices, &server, change](const json& request) -> Result<json> {
      const auto target = target_of(request, devices);
      if (!target) return std::unexpected(target.error());
      if (auto changed = change(request, *target); !changed) {
        return std::unexpected(changed.error());
      }
      return json{{"device", entry(*target->device, server)}};
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
      {.name = "schedule",
       .arguments = {},
       .run = [&schedule](const json&) { return planned(schedule); }},
      {.name = "fault", .arguments = {device, fault, value}, .run = on_device(inject_as_asked)},
      {.name = "heal", .arguments = {device, fault_or_all}, .run = on_device(heal_as_asked)},
      {.name = "plug", .arguments = {device}, .run = on_device(plug)},
      {.name = "unplug", .arguments = {device}, .run = on_device(unplug)},
  };
}

}  // namespace mockdev::server
