// SPDX-License-Identifier: Apache-2.0
#include "pci/root_port.h"

#include <algorithm>

#include <linux/pci_regs.h>

#include "pci/capabilities.h"
#include "pci/error_reporting.h"

namespace mockdev::pci {
namespace {

constexpr std::uint32_t kPciToPciBridge = 0x060400;
constexpr std::uint8_t kPortRevision = 1;
constexpr std::uint64_t kFunctionsWithoutAri = 8;

std::shared_ptr<const ConfigLayout> port_layout(const RootPort::Settings& settings) {
  return ConfigLayoutBuilder::bridge({.vendor = settings.vendor,
                                      .device = settings.device,
                                      .subsystem_vendor = 0,
                                      .subsystem = 0,
                                      .class_code = kPciToPciBridge,
                                      .revision = kPortRevision})
      .add(pci_express_root_port(settings.slot))
      .add(power_management())
      .add(msi())
      .add(root_error_reporting())
      .build();
}

/// A window of memory: closed where `last` is below `first`.
struct Window {
  std::uint64_t first;
  std::uint64_t last;
};

// §7.5.1.3.8 and 9: bits 31:20 of both ends; the last address ends in ones.
constexpr std::uint64_t kWindowGranule = 1U << 20U;

Window memory_window(const ConfigSpace& space, std::size_t base, std::size_t limit) {
  constexpr std::uint64_t kAddressBits = 0xfff0;
  return {.first = (space.get(base, 2) & kAddressBits) << 16U,
          .last = ((space.get(limit, 2) & kAddressBits) << 16U) | (kWindowGranule - 1)};
}

Window prefetchable_window(const ConfigSpace& space) {
  const Window low = memory_window(space, PCI_PREF_MEMORY_BASE, PCI_PREF_MEMORY_LIMIT);
  return {.first = low.first | (space.get(PCI_PREF_BASE_UPPER32, 4) << 32U),
          .last = low.last | (space.get(PCI_PREF_LIMIT_UPPER32, 4) << 32U)};
}

bool has(const Window& window, std::uint64_t address) {
  return address >= window.first && address <= window.last;
}

}  // namespace

RootPort::RootPort(const Settings& settings)
    : config_(port_layout(settings)), express_(config_.layout().find(CapabilityId::pci_express)) {}

void RootPort::config_read(std::size_t offset, std::span<std::byte> into) {
  config_.read(offset, into);
}

void RootPort::config_write(std::size_t offset, std::span<const std::byte> data) {
  const bool was_up = link_is_up();
  const bool was_reset = (config_.get(PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_CTL_BUS_RESET) != 0;
  config_.write(offset, data);
  const bool is_reset = (config_.get(PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_CTL_BUS_RESET) != 0;
  const bool is_up = link_is_up();
  if (card_ != nullptr && (is_reset != was_reset || is_up != was_up)) card_->reset();
  if (is_up != was_up) record(PCI_EXP_SLTSTA_DLLSC);
  update_interrupt();
}

const Bars& RootPort::bars() const {
  static constexpr Bars kNone{};
  return kNone;
}

void RootPort::bar_read(unsigned /*bar*/, std::uint64_t /*offset*/, std::span<std::byte> into) {
  std::ranges::fill(into, std::byte{0xff});
}

void RootPort::bar_write(unsigned /*bar*/, std::uint64_t /*offset*/,
                         std::span<const std::byte> /*data*/) {}

std::optional<MemoryTarget> RootPort::claim(std::uint64_t address) {
  if (!link_is_up() || !window_has(address)) return {};
  return card_->claim(address);
}

void RootPort::reset() {
  config_.reset();
  interrupting_ = false;
  if (card_ != nullptr) card_->reset();
  show_slot();
}

void RootPort::set_interrupt_sink(InterruptSink* sink) {
  sink_ = sink;
}

void RootPort::plug(Function& card) {
  card_ = &card;
  card_->reset();
  record(link_works_ ? PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC : PCI_EXP_SLTSTA_PDC);
}

void RootPort::unplug() {
  card_->reset();
  const bool was_up = link_is_up();
  card_ = nullptr;
  record(was_up ? PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC : PCI_EXP_SLTSTA_PDC);
}

void RootPort::set_link(bool works) {
  const bool was_up = link_is_up();
  link_works_ = works;
  if (link_is_up() == was_up) return;
  card_->reset();
  record(PCI_EXP_SLTSTA_DLLSC);
}

void RootPort::report_error(ErrorMessage error) {
  if (!link_is_up()) return;
  const std::optional<ErrorMessage> message = card_->record_error(error);
  if (!message) return;
  const auto card_id = static_cast<std::uint16_t>(secondary_bus() << 8U);
  if (receive_error(config_, *message, card_id)) send_message();
}

Function* RootPort::route(std::uint8_t bus, std::uint8_t devfn) const {
  if (!link_is_up() || bus != secondary_bus()) return nullptr;
  if (devfn == 0) return card_;
  const bool forwards_ari = (express(PCI_EXP_DEVCTL2, 2) & PCI_EXP_DEVCTL2_ARI) != 0;
  if (devfn >= kFunctionsWithoutAri && !forwards_ari) return nullptr;
  const auto vfs = card_->virtual_functions();
  return devfn <= vfs.size() ? vfs[devfn - 1U] : nullptr;
}

std::uint8_t RootPort::secondary_bus() const {
  return static_cast<std::uint8_t>(config_.get(PCI_SECONDARY_BUS, 1));
}

bool RootPort::link_is_up() const {
  const bool disabled = (express(PCI_EXP_LNKCTL, 2) & PCI_EXP_LNKCTL_LD) != 0;
  const bool held = (config_.get(PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_CTL_BUS_RESET) != 0;
  return card_ != nullptr && link_works_ && !disabled && !held;
}

bool RootPort::window_has(std::uint64_t address) const {
  if ((config_.get(PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) == 0) return false;
  return has(prefetchable_window(config_), address) ||
         has(memory_window(config_, PCI_MEMORY_BASE, PCI_MEMORY_LIMIT), address);
}

std::uint64_t RootPort::express(std::size_t offset, std::size_t size) const {
  return config_.get(express_ + offset, size);
}

/// Status bits that follow what is in the slot.
void RootPort::show_slot() {
  constexpr std::uint64_t kUp = PCI_EXP_LNKSTA_CLS_16_0GB | (16U << PCI_EXP_LNKSTA_NLW_SHIFT) |
                                PCI_EXP_LNKSTA_SLC | PCI_EXP_LNKSTA_DLLLA;
  config_.set(express_ + PCI_EXP_LNKSTA, 2, link_is_up() ? kUp : 0);
  const std::uint64_t events = express(PCI_EXP_SLTSTA, 2) & ~std::uint64_t{PCI_EXP_SLTSTA_PDS};
  const std::uint64_t present = card_ != nullptr ? PCI_EXP_SLTSTA_PDS : 0;
  config_.set(express_ + PCI_EXP_SLTSTA, 2, events | present);
}

void RootPort::record(std::uint16_t slot_events) {
  show_slot();
  config_.set(express_ + PCI_EXP_SLTSTA, 2, express(PCI_EXP_SLTSTA, 2) | slot_events);
  update_interrupt();
}

// §6.7.3.4: a message for each time that the condition becomes true.
void RootPort::update_interrupt() {
  const std::uint64_t control = express(PCI_EXP_SLTCTL, 2);
  const std::uint64_t events = express(PCI_EXP_SLTSTA, 2);
  const bool wanted =
      ((control & PCI_EXP_SLTCTL_PDCE) != 0 && (events & PCI_EXP_SLTSTA_PDC) != 0) ||
      ((control & PCI_EXP_SLTCTL_DLLSCE) != 0 && (events & PCI_EXP_SLTSTA_DLLSC) != 0);
  const bool interrupts = wanted && (control & PCI_EXP_SLTCTL_HPIE) != 0;
  if (interrupts && !interrupting_) send_message();
  interrupting_ = interrupts;
}

void RootPort::send_message() {
  const std::size_t msi = config_.layout().find(CapabilityId::msi);
  const bool enabled = (config_.get(msi + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE) != 0;
  const bool masters = (config_.get(PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0;
  if (sink_ == nullptr || !enabled || !masters) return;
  sink_->interrupt(0, {.address = config_.get(msi + PCI_MSI_ADDRESS_LO, 8),
                       .data = static_cast<std::uint32_t>(config_.get(msi + PCI_MSI_DATA_64, 2))});
}

}  // namespace mockdev::pci
