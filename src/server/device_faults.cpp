// SPDX-License-Identifier: Apache-2.0
#include "server/device_faults.h"

#include "base/log.h"

namespace mockdev::server {
namespace {

Result<void> show_link(const HostedDevice& device) {
  return device.bridge->set_link(device.place.device.slot,
                                 !device.accelerator->snapshot().link_down);
}

/// What the port of a device on a fabric sees of a fault that has just come.
Result<void> show_at_slot(const HostedDevice& device, accel::SlotEffect effect) {
  const unsigned slot = device.place.device.slot;
  switch (effect) {
    case accel::SlotEffect::none:
      return {};
    case accel::SlotEffect::link:
      return show_link(device);
    case accel::SlotEffect::correctable:
      return device.bridge->report_error(slot, pci::ErrorMessage::correctable);
    case accel::SlotEffect::nonfatal:
      return device.bridge->report_error(slot, pci::ErrorMessage::nonfatal);
    case accel::SlotEffect::fatal:
      return device.bridge->report_error(slot, pci::ErrorMessage::fatal);
  }
  return {};
}

/// That there is a slot where the fault is one of the slot.
Result<void> check_slot(const Target& target, const accel::FaultKind& kind) {
  if (kind.slot == accel::SlotEffect::none) return {};
  if (target.vf) {
    return fail("{}: {} is a fault of the card's slot: inject it into {}", full_name(target),
                kind.name, full_name(target.device->place));
  }
  const auto bridge = bridge_of(*target.device);
  return bridge ? Result<void>() : std::unexpected(bridge.error());
}

}  // namespace

Result<fabric::Bridge*> bridge_of(const HostedDevice& device) {
  if (device.bridge != nullptr) return device.bridge;
  return fail("{}: is attached directly, and stays; with `attach: fabric` it has a slot",
              full_name(device.place));
}

Result<void> inject(const Target& target, std::string_view fault, std::optional<double> value) {
  const auto kind = accel::find_fault(fault);
  if (!kind) return std::unexpected(kind.error());
  if (auto checked = check_slot(target, **kind); !checked) return checked;
  if (auto injected = target.device->accelerator->inject(fault, value, target.vf); !injected) {
    return target.vf ? with_context(full_name(target.device->place), injected.error()) : injected;
  }
  if (auto shown = show_at_slot(*target.device, (*kind)->slot); !shown) return shown;
  log::info("{}: fault {} injected", full_name(target), fault);
  return {};
}

Result<void> heal(const Target& target, std::optional<std::string_view> fault) {
  const HostedDevice& device = *target.device;
  if (auto healed = device.accelerator->heal(fault, target.vf); !healed) {
    return target.vf ? with_context(full_name(device.place), healed.error()) : healed;
  }
  if (device.bridge != nullptr && !target.vf) {
    if (auto shown = show_link(device); !shown) return shown;
  }
  log::info("{}: {} healed", full_name(target), fault.value_or("all faults"));
  return {};
}

void happen(const Target& target, const accel::FaultKind& kind, double value) {
  const auto number = kind.value ? std::optional(value) : std::nullopt;
  auto happened = target.device->accelerator->inject(kind.name, number, target.vf);
  if (happened) happened = show_at_slot(*target.device, kind.slot);
  if (!happened) log::debug("{}: {}", full_name(target), happened.error().message);
}

void set_scheduled(const Target& target, const accel::Condition& condition) {
  const HostedDevice& device = *target.device;
  device.accelerator->set_scheduled(condition, target.vf);
  if (device.bridge == nullptr || target.vf) return;
  if (auto shown = show_link(device); !shown) {
    log::debug("{}: {}", full_name(target), shown.error().message);
  }
}

}  // namespace mockdev::server
