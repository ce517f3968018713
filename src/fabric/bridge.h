// SPDX-License-Identifier: Apache-2.0
// The bridge: one PCI function that carries a whole segment. A machine that hides SR-IOV of the
// devices that are attached to it, as QEMU does, can't hide what stands behind this one: its
// software finds the functions itself. abi/mock_accel_fabric.h is the contract with its driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "base/error.h"
#include "fabric/interrupts.h"
#include "fabric/segment.h"
#include "pci/config_space.h"
#include "pci/function.h"

namespace mockdev::fabric {

struct Settings {
  std::uint16_t vendor = 0;
  std::uint16_t device = MOCK_FABRIC_PCI_DEVICE;
  std::uint16_t port_device = MOCK_FABRIC_PCI_DEVICE_PORT;
  std::uint16_t segment = 1;  ///< the number that it asks for, 1 to 0xffff
};

/// The bridge. Every member may be called from any thread.
class Bridge final : public pci::Function {
 public:
  /// Slot numbers are 1 to 32, each once. The cards' interrupts and memory requests go to the
  /// bridge from now on; they outlive it.
  Bridge(const Settings& settings, std::span<const Slot> slots);
  ~Bridge() override;

  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  Bridge(Bridge&&) = delete;
  Bridge& operator=(Bridge&&) = delete;

  void config_read(std::size_t offset, std::span<std::byte> into) override;
  void config_write(std::size_t offset, std::span<const std::byte> data) override;
  [[nodiscard]] const pci::Bars& bars() const override { return bars_; }
  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) override;
  void bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) override;
  [[nodiscard]] std::optional<pci::MemoryTarget> claim(std::uint64_t address) override;
  [[nodiscard]] std::uint16_t msix_vectors() const override { return MOCK_FABRIC_VECTORS; }
  /// Resets all that is behind it, too. Cards stay in their slots, or out of them.
  void reset() override;
  void set_interrupt_sink(pci::InterruptSink* sink) override;
  /// Of the cards: the bridge itself makes no requests.
  void set_machine_memory(pci::MachineMemory* memory) override;

  /// As of the segment.
  [[nodiscard]] Result<void> plug(unsigned slot);
  [[nodiscard]] Result<void> unplug(unsigned slot);
  [[nodiscard]] Result<void> set_link(unsigned slot, bool works);
  [[nodiscard]] Result<void> report_error(unsigned slot, pci::ErrorMessage error);
  [[nodiscard]] bool plugged(unsigned slot) const;

 private:
  void reset_all_but_config();
  void read_registers(std::uint64_t offset, std::span<std::byte> into);
  void write_registers(std::uint64_t offset, std::span<const std::byte> data);

  const Settings settings_;
  const std::vector<Slot> slots_;
  Interrupts interrupts_;
  mutable std::mutex mutex_;  ///< guards all below. Taken before those of cards and interrupts
  Segment segment_;
  const pci::Bars bars_;
  pci::ConfigSpace config_;
  std::uint64_t window_ = 0;
};

}  // namespace mockdev::fabric
