// SPDX-License-Identifier: Apache-2.0
// A PCI Express root port with a hot-plug slot, and the card that is plugged into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "pci/config_space.h"
#include "pci/function.h"

namespace mockdev::pci {

/// A root port. Its interrupt, by MSI, is for hot-plug events (PCIe 6.0 §6.7.3) and for errors that
/// its card reports (§6.2.6). Not thread-safe, and neither is its use of the card.
///
/// What stands in the slot survives a reset of the port, as it does in a machine that is switched
/// off and on: reset() resets the card, too.
class RootPort final : public Function {
 public:
  struct Settings {
    std::uint16_t vendor = 0;
    std::uint16_t device = 0;
    std::uint16_t slot = 0;  ///< physical slot number, 13 bits
  };

  explicit RootPort(const Settings& settings);

  void config_read(std::size_t offset, std::span<std::byte> into) override;
  void config_write(std::size_t offset, std::span<const std::byte> data) override;
  /// None.
  [[nodiscard]] const Bars& bars() const override;
  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) override;
  void bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) override;
  /// Of the card, for addresses that lie in one of the port's windows.
  [[nodiscard]] std::optional<MemoryTarget> claim(std::uint64_t address) override;
  [[nodiscard]] std::uint16_t msix_vectors() const override { return 0; }
  void reset() override;
  /// Of the port itself; the card has its own.
  void set_interrupt_sink(InterruptSink* sink) override;

  /// Puts a card into the empty slot, just powered on. It must outlive its stay there.
  void plug(Function& card);
  /// Pulls the card out, by surprise, and so cuts its power.
  void unplug();
  /// Breaks the link to the card or mends it; either resets the card.
  void set_link(bool works);

  /// Has the card record an error of its link, and hears of it. Nothing while the link is down.
  void report_error(ErrorMessage error);

  /// The card; nullptr: the slot is empty.
  [[nodiscard]] Function* card() const { return card_; }

  /// The function behind the port that a configuration request to `bus`, `devfn` (device and
  /// function, or an ARI function number) reaches: the card or one of its VFs; nullptr: none.
  [[nodiscard]] Function* route(std::uint8_t bus, std::uint8_t devfn) const;

  /// The bus number that software has given to the card.
  [[nodiscard]] std::uint8_t secondary_bus() const;

 private:
  [[nodiscard]] bool link_is_up() const;
  [[nodiscard]] bool window_has(std::uint64_t address) const;
  [[nodiscard]] std::uint64_t express(std::size_t offset, std::size_t size) const;
  void show_slot();
  void record(std::uint16_t slot_events);
  void update_interrupt();
  void send_message();

  ConfigSpace config_;
  std::size_t express_;  ///< where the PCI Express capability is
  InterruptSink* sink_ = nullptr;
  Function* card_ = nullptr;
  bool link_works_ = true;
  bool interrupting_ = false;  ///< an event is enabled and not cleared
};

}  // namespace mockdev::pci
