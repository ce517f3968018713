// SPDX-License-Identifier: Apache-2.0
#include "pci/config_layout.h"

#include <algorithm>
#include <utility>

#include <linux/pci_regs.h>

#include "pci/little_endian.h"

namespace mockdev::pci {
namespace {

constexpr std::size_t kFirstCapability = 0x40;
constexpr std::size_t kFirstExtendedCapability = kConventionalConfigSize;

constexpr std::uint64_t kCommandWritable = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                           PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                           PCI_COMMAND_INTX_DISABLE;
constexpr std::uint64_t kStatusClearable =
    PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |
    PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY;

constexpr std::uint64_t kBridgeControlWritable =
    PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_BUS_RESET;
constexpr std::uint64_t kMemoryWindow = 0xfff0;  // address bits 31:20
constexpr std::uint64_t kWindowClosed = 0xfff0;  // a base above any limit

/// What both types of header have.
std::vector<ConfigRegister> common_registers(const HeaderSettings& header) {
  return {
      {.offset = PCI_VENDOR_ID, .size = 2, .reset = header.vendor},
      {.offset = PCI_DEVICE_ID, .size = 2, .reset = header.device},
      {.offset = PCI_COMMAND, .size = 2, .writable = kCommandWritable},
      {.offset = PCI_STATUS,
       .size = 2,
       .reset = PCI_STATUS_CAP_LIST,
       .write_1_to_clear = kStatusClearable},
      {.offset = PCI_REVISION_ID, .size = 1, .reset = header.revision},
      {.offset = PCI_CLASS_PROG, .size = 3, .reset = header.class_code},
      {.offset = PCI_CACHE_LINE_SIZE, .size = 1, .writable = 0xff},
      {.offset = PCI_INTERRUPT_LINE, .size = 1, .writable = 0xff},
  };
}

std::vector<ConfigRegister> subsystem_registers(const HeaderSettings& header) {
  return {
      {.offset = PCI_SUBSYSTEM_VENDOR_ID, .size = 2, .reset = header.subsystem_vendor},
      {.offset = PCI_SUBSYSTEM_ID, .size = 2, .reset = header.subsystem},
  };
}

std::vector<ConfigRegister> bridge_registers() {
  constexpr std::uint64_t kWindow64 = PCI_PREF_RANGE_TYPE_64;
  return {
      {.offset = PCI_HEADER_TYPE, .size = 1, .reset = PCI_HEADER_TYPE_BRIDGE},
      {.offset = PCI_PRIMARY_BUS, .size = 1, .writable = 0xff},
      {.offset = PCI_SECONDARY_BUS, .size = 1, .writable = 0xff},
      {.offset = PCI_SUBORDINATE_BUS, .size = 1, .writable = 0xff},
      {.offset = PCI_SEC_STATUS, .size = 2, .write_1_to_clear = kStatusClearable},
      {.offset = PCI_MEMORY_BASE, .size = 2, .reset = kWindowClosed, .writable = kMemoryWindow},
      {.offset = PCI_MEMORY_LIMIT, .size = 2, .writable = kMemoryWindow},
      {.offset = PCI_PREF_MEMORY_BASE,
       .size = 2,
       .reset = kWindowClosed | kWindow64,
       .writable = kMemoryWindow},
      {.offset = PCI_PREF_MEMORY_LIMIT, .size = 2, .reset = kWindow64, .writable = kMemoryWindow},
      {.offset = PCI_PREF_BASE_UPPER32, .size = 4, .writable = 0xffff'ffff},
      {.offset = PCI_PREF_LIMIT_UPPER32, .size = 4, .writable = 0xffff'ffff},
      {.offset = PCI_BRIDGE_CONTROL, .size = 2, .writable = kBridgeControlWritable},
  };
}

// Registers outside the space are a mistake in the program; at() ends it in every build.
void put(ConfigLayout::Bytes& bytes, std::size_t offset, std::size_t size, std::uint64_t value) {
  for (std::size_t i = 0; i < size; ++i) {
    bytes.at(offset + i) |= static_cast<std::byte>((value >> (8 * i)) & 0xffU);
  }
}

std::size_t next_multiple_of_16(std::size_t offset) {
  return (offset + 15) & ~std::size_t{15};
}

}  // namespace

std::size_t ConfigLayout::find(CapabilityId id) const {
  const auto found = std::ranges::find_if(capabilities_, [&](const Placed& placed) {
    return placed.base < kFirstExtendedCapability && placed.id == std::to_underlying(id);
  });
  return found == capabilities_.end() ? 0 : found->base;
}

std::size_t ConfigLayout::find(ExtendedCapabilityId id) const {
  const auto found = std::ranges::find_if(capabilities_, [&](const Placed& placed) {
    return placed.base >= kFirstExtendedCapability && placed.id == std::to_underlying(id);
  });
  return found == capabilities_.end() ? 0 : found->base;
}

ConfigLayout::PlacedRule ConfigLayout::rule_at(std::size_t offset) const {
  const auto found = std::ranges::find_if(capabilities_, [&](const Placed& placed) {
    return offset >= placed.base && offset - placed.base < placed.size;
  });
  if (found == capabilities_.end()) return {};
  return {.rule = found->rule, .base = found->base};
}

ConfigLayoutBuilder::ConfigLayoutBuilder()
    : layout_(std::make_shared<ConfigLayout>()),
      next_base_(kFirstCapability),
      next_extended_base_(kFirstExtendedCapability),
      link_(PCI_CAPABILITY_LIST) {}

ConfigLayoutBuilder::ConfigLayoutBuilder(const HeaderSettings& header, const Bars& bars)
    : ConfigLayoutBuilder() {
  place(0, common_registers(header));
  place(0, subsystem_registers(header));
  for (std::size_t i = 0; i < bars.size(); ++i) {
    if (bars.at(i).size == 0_B) continue;
    const auto offset = static_cast<std::uint16_t>(PCI_BASE_ADDRESS_0 + (4 * i));
    place(0, std::array{bar_register(offset, bars.at(i))});
  }
}

ConfigLayoutBuilder ConfigLayoutBuilder::bridge(const HeaderSettings& header) {
  ConfigLayoutBuilder builder;
  builder.place(0, common_registers(header));
  builder.place(0, bridge_registers());
  return builder;
}

ConfigLayoutBuilder& ConfigLayoutBuilder::add(const Capability& capability) {
  const std::size_t base = next_base_;
  record(std::to_underlying(capability.id), base, capability.body);
  put(layout_->reset_, base + PCI_CAP_LIST_ID, 1, std::to_underlying(capability.id));
  put(layout_->reset_, link_, 1, base);
  link_ = base + PCI_CAP_LIST_NEXT;
  next_base_ = next_multiple_of_16(base + capability.body.size);
  return *this;
}

ConfigLayoutBuilder& ConfigLayoutBuilder::add(const ExtendedCapability& capability) {
  const std::size_t base = next_extended_base_;
  record(std::to_underlying(capability.id), base, capability.body);
  const std::uint32_t header =
      std::to_underlying(capability.id) | (std::uint32_t{capability.version} << 16U);
  put(layout_->reset_, base, 4, header);
  if (extended_link_ != 0) put(layout_->reset_, extended_link_, 4, std::uint64_t{base} << 20U);
  extended_link_ = base;
  next_extended_base_ = next_multiple_of_16(base + capability.body.size);
  return *this;
}

std::shared_ptr<const ConfigLayout> ConfigLayoutBuilder::build() {
  return std::move(layout_);
}

void ConfigLayoutBuilder::place(std::size_t base, std::span<const ConfigRegister> registers) {
  for (const ConfigRegister& row : registers) {
    put(layout_->reset_, base + row.offset, row.size, row.reset);
    put(layout_->writable_, base + row.offset, row.size, row.writable);
    put(layout_->write_1_to_clear_, base + row.offset, row.size, row.write_1_to_clear);
    put(layout_->kept_by_flr_, base + row.offset, row.size, row.kept_by_flr);
  }
}

void ConfigLayoutBuilder::record(std::uint16_t id, std::size_t base, const CapabilityBody& body) {
  place(base, body.registers);
  layout_->capabilities_.push_back(
      {.id = id, .base = static_cast<std::uint16_t>(base), .size = body.size, .rule = body.rule});
}

ConfigRegister bar_register(std::uint16_t offset, const Bar& bar) {
  const std::uint64_t type =
      (bar.is_64bit ? PCI_BASE_ADDRESS_MEM_TYPE_64 : PCI_BASE_ADDRESS_MEM_TYPE_32) |
      (bar.prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0U);
  return {.offset = offset,
          .size = static_cast<std::uint8_t>(bar.is_64bit ? 8 : 4),
          .reset = type,
          .writable = ~(bar.size.value() - 1)};
}

}  // namespace mockdev::pci
