// SPDX-License-Identifier: Apache-2.0
// A PCI segment: root ports on its bus 0, a card behind each, and the way that requests take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "pci/function.h"
#include "pci/root_port.h"

namespace mockdev::fabric {

/// A slot and the card that belongs there.
struct Slot {
  unsigned number;         ///< 1 to 32: its port is device number - 1 on bus 0
  std::uint16_t physical;  ///< number that people know it by, 13 bits: best unique in a machine
  pci::Function* card;     ///< outlives the segment
};

/// The root ports have the routing ids 00:00.0 to 00:1f.0. Not thread-safe.
class Segment {
 public:
  /// Cards are plugged in. Interrupts of ports go to `sink`, as should those of the cards.
  Segment(std::uint16_t vendor, std::uint16_t port_device, std::span<const Slot> slots,
          pci::InterruptSink& sink);

  /// Buses that the ports and the cards behind them take.
  [[nodiscard]] unsigned buses() const { return static_cast<unsigned>(slots_.size()) + 1; }

  /// Configuration requests, by the offset in the segment's ECAM (PCIe 6.0 §7.2.2). Where there is
  /// no function, reads give ones and writes are lost.
  void config_read(std::uint64_t offset, std::span<std::byte> into);
  void config_write(std::uint64_t offset, std::span<const std::byte> data);

  /// Memory requests. Where no function claims the address, reads give ones and writes are lost.
  void memory_read(std::uint64_t address, std::span<std::byte> into);
  void memory_write(std::uint64_t address, std::span<const std::byte> data);

  /// Resets every port and every card.
  void reset();

  /// Put a slot's card back, pull it out, break and mend its link. They fail on a slot that there
  /// is not, and on a card that is in its slot already or not there.
  [[nodiscard]] Result<void> plug(unsigned slot);
  [[nodiscard]] Result<void> unplug(unsigned slot);
  [[nodiscard]] Result<void> set_link(unsigned slot, bool works);

  /// Has the slot's card report an error of its link. Fails on a slot that there is not, and on one
  /// without its card.
  [[nodiscard]] Result<void> report_error(unsigned slot, pci::ErrorMessage error);

  /// Whether the slot's card is there. False where there is no such slot.
  [[nodiscard]] bool plugged(unsigned slot) const;

 private:
  struct Place {
    unsigned number;
    pci::Function* card;
    std::unique_ptr<pci::RootPort> port;
  };

  [[nodiscard]] Result<const Place*> find(unsigned slot) const;
  [[nodiscard]] Result<pci::RootPort*> port_with_card(unsigned slot) const;
  [[nodiscard]] pci::Function* route(std::uint8_t bus, std::uint8_t devfn) const;
  [[nodiscard]] std::optional<pci::MemoryTarget> claim(std::uint64_t address) const;

  std::vector<Place> slots_;
};

}  // namespace mockdev::fabric
