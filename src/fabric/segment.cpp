// SPDX-License-Identifier: Apache-2.0
#include "fabric/segment.h"

#include <algorithm>

namespace mockdev::fabric {
namespace {

// ECAM: 27:20 bus, 19:12 device and function, 11:0 register.
constexpr unsigned kBusShift = 20;
constexpr unsigned kDevfnShift = 12;
constexpr unsigned kDeviceShift = 3;  // of a devfn

/// How far a memory access that nobody claims is looked at before the next look: the smallest BAR
/// that can stand in a window is not smaller.
constexpr std::uint64_t kUnclaimedStep = 16;

struct ConfigAddress {
  std::uint8_t bus;
  std::uint8_t devfn;
  std::size_t offset;
};

ConfigAddress config_address(std::uint64_t offset) {
  return {.bus = static_cast<std::uint8_t>(offset >> kBusShift),
          .devfn = static_cast<std::uint8_t>(offset >> kDevfnShift),
          .offset = offset % pci::kConfigSize};
}

/// Cuts an access to the space of many functions into one for each that it touches.
template <typename Bytes, typename Access>
void for_each_function(std::uint64_t offset, Bytes bytes, Access access) {
  while (!bytes.empty()) {
    const ConfigAddress address = config_address(offset);
    const std::size_t count = std::min(bytes.size(), pci::kConfigSize - address.offset);
    access(address, bytes.first(count));
    bytes = bytes.subspan(count);
    offset += count;
  }
}

/// Cuts a memory access into parts of one BAR each; those that nobody claims have no target.
template <typename Bytes, typename Claim, typename Access>
void for_each_target(std::uint64_t address, Bytes bytes, Claim claim, Access access) {
  while (!bytes.empty()) {
    const std::optional<pci::MemoryTarget> target = claim(address);
    const std::uint64_t left =
        target ? target->function->bars().at(target->bar).size.value() - target->offset
               : kUnclaimedStep - (address % kUnclaimedStep);
    const std::size_t count = std::min<std::uint64_t>(bytes.size(), left);
    access(target, bytes.first(count));
    bytes = bytes.subspan(count);
    address += count;
  }
}

}  // namespace

Segment::Segment(std::uint16_t vendor, std::uint16_t port_device, std::span<const Slot> slots,
                 pci::InterruptSink& sink) {
  for (const auto& [number, physical, card] : slots) {
    auto port = std::make_unique<pci::RootPort>(
        pci::RootPort::Settings{.vendor = vendor, .device = port_device, .slot = physical});
    port->set_interrupt_sink(&sink);
    port->plug(*card);
    slots_.push_back({.number = number, .card = card, .port = std::move(port)});
  }
  reset();
}

void Segment::config_read(std::uint64_t offset, std::span<std::byte> into) {
  for_each_function(offset, into, [this](const ConfigAddress& address, std::span<std::byte> part) {
    if (pci::Function* const function = route(address.bus, address.devfn)) {
      function->config_read(address.offset, part);
    } else {
      std::ranges::fill(part, std::byte{0xff});
    }
  });
}

void Segment::config_write(std::uint64_t offset, std::span<const std::byte> data) {
  for_each_function(offset, data,
                    [this](const ConfigAddress& address, std::span<const std::byte> part) {
                      if (pci::Function* const function = route(address.bus, address.devfn)) {
                        function->config_write(address.offset, part);
                      }
                    });
}

void Segment::memory_read(std::uint64_t address, std::span<std::byte> into) {
  for_each_target(
      address, into, [this](std::uint64_t at) { return claim(at); },
      [](const std::optional<pci::MemoryTarget>& target, std::span<std::byte> part) {
        if (target) {
          target->function->bar_read(target->bar, target->offset, part);
        } else {
          std::ranges::fill(part, std::byte{0xff});
        }
      });
}

void Segment::memory_write(std::uint64_t address, std::span<const std::byte> data) {
  for_each_target(
      address, data, [this](std::uint64_t at) { return claim(at); },
      [](const std::optional<pci::MemoryTarget>& target, std::span<const std::byte> part) {
        if (target) target->function->bar_write(target->bar, target->offset, part);
      });
}

void Segment::reset() {
  for (const Place& place : slots_) place.port->reset();
}

Result<void> Segment::plug(unsigned slot) {
  const auto place = find(slot);
  if (!place) return std::unexpected(place.error());
  if ((*place)->port->card() != nullptr) return fail("is plugged in already");
  (*place)->port->plug(*(*place)->card);
  return {};
}

Result<void> Segment::unplug(unsigned slot) {
  const auto port = port_with_card(slot);
  if (!port) return std::unexpected(port.error());
  (*port)->unplug();
  return {};
}

Result<void> Segment::set_link(unsigned slot, bool works) {
  const auto place = find(slot);
  if (!place) return std::unexpected(place.error());
  (*place)->port->set_link(works);
  return {};
}

Result<void> Segment::report_error(unsigned slot, pci::ErrorMessage error) {
  const auto port = port_with_card(slot);
  if (!port) return std::unexpected(port.error());
  (*port)->report_error(error);
  return {};
}

bool Segment::plugged(unsigned slot) const {
  return port_with_card(slot).has_value();
}

Result<const Segment::Place*> Segment::find(unsigned slot) const {
  const auto found = std::ranges::find(slots_, slot, &Place::number);
  if (found != slots_.end()) return &*found;
  return fail("slot {}: there is none", slot);
}

Result<pci::RootPort*> Segment::port_with_card(unsigned slot) const {
  const auto place = find(slot);
  if (!place) return std::unexpected(place.error());
  if ((*place)->port->card() != nullptr) return (*place)->port.get();
  return fail("is not plugged in");
}

pci::Function* Segment::route(std::uint8_t bus, std::uint8_t devfn) const {
  for (const auto& [number, card, port] : slots_) {
    if (bus == 0 && devfn == (number - 1) << kDeviceShift) return port.get();
    if (bus == 0) continue;
    if (pci::Function* const function = port->route(bus, devfn)) return function;
  }
  return nullptr;
}

std::optional<pci::MemoryTarget> Segment::claim(std::uint64_t address) const {
  for (const Place& place : slots_) {
    if (const auto target = place.port->claim(address)) return target;
  }
  return {};
}

}  // namespace mockdev::fabric
