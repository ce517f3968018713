// SPDX-License-Identifier: Apache-2.0
#include "pci/config_space.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/capabilities.h"
#include "pci/testing.h"

namespace mockdev::pci {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Pair;

constexpr Bar kBar4KiB{.size = 4_KiB, .is_64bit = true, .prefetchable = true};

/// A function with all there is.
std::shared_ptr<const ConfigLayout> full_layout(const Bars& bars = {kBar4KiB}) {
  return ConfigLayoutBuilder({.vendor = 0x1de5,
                              .device = 1,
                              .subsystem_vendor = 0x1de5,
                              .subsystem = 2,
                              .class_code = 0x120000,
                              .revision = 7},
                             bars)
      .add(pci_express_endpoint())
      .add(power_management())
      .add(msix({.vectors = 2, .bar = 0, .table = 0x800, .pending_bits = 0xc00}))
      .add(advanced_error_reporting())
      .add(device_serial_number())
      .add(alternative_routing_id())
      .add(single_root_iov({.total_vfs = 64, .vf_device = 2, .vf_bar0 = kBar4KiB}))
      .build();
}

class ConfigSpaceTest : public testing::Test {
 protected:
  std::uint64_t read(std::size_t offset, std::size_t size) const {
    return read_number([&](auto at, auto into) { space_.read(at, into); }, offset, size);
  }
  void write(std::size_t offset, std::size_t size, std::uint64_t value) {
    write_number([&](auto at, auto data) { effect_ = space_.write(at, data); }, offset, size,
                 value);
  }
  ConfigLayout::Bytes all() const {
    ConfigLayout::Bytes bytes;
    space_.read(0, bytes);
    return bytes;
  }

  ConfigSpace space_{full_layout()};
  ConfigEffect effect_ = ConfigEffect::none;
};

TEST_F(ConfigSpaceTest, IdentifiesTheFunction) {
  EXPECT_EQ(read(PCI_VENDOR_ID, 4), 0x00011de5U);
  EXPECT_EQ(read(PCI_CLASS_REVISION, 4), 0x12000007U);
  EXPECT_EQ(read(PCI_SUBSYSTEM_VENDOR_ID, 4), 0x00021de5U);
  EXPECT_EQ(read(PCI_HEADER_TYPE, 1), 0U);
  EXPECT_EQ(read(PCI_INTERRUPT_PIN, 1), 0U);
}

TEST_F(ConfigSpaceTest, RandomWritesOfAnyShapeNeverChangeAReadOnlyBit) {
  const ConfigLayout& layout = space_.layout();
  const ConfigLayout::Bytes original = all();
  std::mt19937 random(1);
  std::vector<std::byte> data;
  for (int round = 0; round < 20'000; ++round) {
    data.resize(1 + (random() % 24));
    for (std::byte& byte : data) byte = static_cast<std::byte>(random());
    space_.write(random() % (kConfigSize + 16), data);
  }
  const ConfigLayout::Bytes now = all();
  for (std::size_t i = 0; i < kConfigSize; ++i) {
    const std::byte read_only = ~(layout.writable()[i] | layout.write_1_to_clear()[i]);
    EXPECT_EQ(now[i] & read_only, original[i] & read_only) << "at byte " << i;
  }
}

TEST_F(ConfigSpaceTest, EveryByteTakesExactlyItsWritableBits) {
  const ConfigLayout& layout = space_.layout();
  for (std::size_t i = 0; i < kConfigSize; ++i) {
    if (layout.rule_at(i).rule != nullptr)
      continue;  // capabilities with rules have their own tests
    write(i, 1, 0xff);
    EXPECT_EQ(read(i, 1) & std::to_integer<unsigned>(layout.writable()[i]),
              std::to_integer<unsigned>(layout.writable()[i]));
    write(i, 1, 0);
    EXPECT_EQ(read(i, 1) & std::to_integer<unsigned>(layout.writable()[i]), 0U);
  }
}

TEST_F(ConfigSpaceTest, AWideWriteIsTheSameAsItsBytesInOrder) {
  ConfigSpace bytewise(full_layout());
  // A page size has bits in two bytes, and is judged as a whole.
  const std::size_t page_size =
      space_.layout().find(ExtendedCapabilityId::single_root_iov) + PCI_SRIOV_SYS_PGSIZE;
  std::mt19937 random(2);
  for (int round = 0; round < 50'000; ++round) {
    const std::size_t offset = random() % kConfigSize;
    if (offset + 8 > page_size && offset < page_size + 4) continue;
    std::array<std::byte, 8> data{};
    for (std::byte& byte : data) byte = static_cast<std::byte>(random());
    space_.write(offset, data);
    for (std::size_t i = 0; i < data.size(); ++i) {
      bytewise.write(offset + i, std::span(data).subspan(i, 1));
    }
  }
  ConfigLayout::Bytes other;
  bytewise.read(0, other);
  EXPECT_EQ(all(), other);
}

TEST_F(ConfigSpaceTest, BytesBeyondTheEndReadOnesAndIgnoreWrites) {
  std::array<std::byte, 8> bytes{};
  space_.write(kConfigSize - 4, bytes);
  space_.read(kConfigSize - 4, bytes);
  EXPECT_THAT(std::span(bytes).first(4), Each(std::byte{0}));
  EXPECT_THAT(std::span(bytes).last(4), Each(std::byte{0xff}));
  space_.read(kConfigSize * 4, bytes);
  EXPECT_THAT(bytes, Each(std::byte{0xff}));
}

TEST_F(ConfigSpaceTest, StandardCapabilitiesFormAChain) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> chain;
  for (std::uint64_t at = read(PCI_CAPABILITY_LIST, 1); at != 0; at = read(at + 1, 1)) {
    chain.emplace_back(at, read(at, 1));
    ASSERT_LT(chain.size(), 10U);
  }
  EXPECT_THAT(chain, ElementsAre(Pair(0x40, 0x10), Pair(0x80, 0x01), Pair(0x90, 0x11)));
}

TEST_F(ConfigSpaceTest, ExtendedCapabilitiesFormAChainWithErrorReportingFirst) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> chain;
  for (std::uint64_t at = 0x100; at != 0; at = read(at + 2, 2) >> 4U) {
    chain.emplace_back(at, read(at, 4) & 0xfffffU);
    ASSERT_LT(chain.size(), 10U);
  }
  EXPECT_THAT(chain, ElementsAre(Pair(0x100, 0x20001), Pair(0x130, 0x10003), Pair(0x140, 0x1000e),
                                 Pair(0x150, 0x10010)));
}

TEST_F(ConfigSpaceTest, BarSizingGivesTheSizeAndKeepsTheTypeBits) {
  EXPECT_EQ(read(PCI_BASE_ADDRESS_0, 4), 0xcU);
  write(PCI_BASE_ADDRESS_0, 4, 0xffffffff);
  write(PCI_BASE_ADDRESS_1, 4, 0xffffffff);
  EXPECT_EQ(read(PCI_BASE_ADDRESS_0, 4), 0xfffff00cU);
  EXPECT_EQ(read(PCI_BASE_ADDRESS_1, 4), 0xffffffffU);
  write(PCI_BASE_ADDRESS_0, 8, 0x0000'0040'fe12'3456U);
  EXPECT_EQ(read(PCI_BASE_ADDRESS_0, 8), 0x0000'0040'fe12'300cU);
}

TEST(BarTest, BarsOfAllKindsSizeAsLinuxDoesIt) {
  const Bars bars = {Bar{.size = 16_B}, Bar{.size = 64_MiB, .prefetchable = true}, Bar{},
                     Bar{.size = 64_GiB, .is_64bit = true, .prefetchable = true}};
  ConfigSpace space(full_layout(bars));
  const auto sized = [&](std::size_t offset) {
    write_number([&](auto at, auto data) { space.write(at, data); }, offset, 4, 0xffffffff);
    return space.get(offset, 4);
  };
  EXPECT_EQ(sized(PCI_BASE_ADDRESS_0), 0xfffffff0U);
  EXPECT_EQ(sized(PCI_BASE_ADDRESS_1), 0xfc000008U);
  EXPECT_EQ(sized(PCI_BASE_ADDRESS_2), 0U);
  EXPECT_EQ(sized(PCI_BASE_ADDRESS_3), 0x0000000cU);
  EXPECT_EQ(sized(PCI_BASE_ADDRESS_4), 0xfffffff0U);
  EXPECT_EQ(sized(PCI_BASE_ADDRESS_5), 0U);
}

TEST_F(ConfigSpaceTest, ThereIsNoExpansionRom) {
  write(PCI_ROM_ADDRESS, 4, 0xfffff800);
  EXPECT_EQ(read(PCI_ROM_ADDRESS, 4), 0U);
}

TEST_F(ConfigSpaceTest, OnesClearStatusBitsAndZerosLeaveThem) {
  space_.set(PCI_STATUS, 2,
             PCI_STATUS_CAP_LIST | PCI_STATUS_DETECTED_PARITY | PCI_STATUS_SIG_SYSTEM_ERROR);
  write(PCI_STATUS, 2, PCI_STATUS_DETECTED_PARITY);
  EXPECT_EQ(read(PCI_STATUS, 2), PCI_STATUS_CAP_LIST | PCI_STATUS_SIG_SYSTEM_ERROR);
  write(PCI_COMMAND, 4, 0xffff0000U);
  EXPECT_EQ(read(PCI_COMMAND, 4), std::uint64_t{PCI_STATUS_CAP_LIST} << 16U);
}

TEST_F(ConfigSpaceTest, AResetGivesDefaultsToWhatSoftwareCanChange) {
  const ConfigLayout::Bytes original = all();
  std::vector<std::byte> ones(kConfigSize, std::byte{0xff});
  space_.write(0, ones);
  space_.reset();
  EXPECT_EQ(all(), original);
}

TEST_F(ConfigSpaceTest, ASerialNumberOutlivesEveryReset) {
  set_serial_number(space_, 0x0123456789abcdefU);
  space_.reset();
  space_.function_level_reset();
  const std::size_t base = space_.layout().find(ExtendedCapabilityId::device_serial_number);
  EXPECT_EQ(read(base + 4, 8), 0x0123456789abcdefU);
}

TEST(ConfigLayoutTest, ACapabilityThatIsMissingIsAtZero) {
  const auto layout = ConfigLayoutBuilder({}, {}).add(power_management()).build();
  EXPECT_EQ(layout->find(CapabilityId::power_management), 0x40U);
  EXPECT_EQ(layout->find(CapabilityId::msi_x), 0U);
  EXPECT_EQ(layout->find(ExtendedCapabilityId::single_root_iov), 0U);
}

}  // namespace
}  // namespace mockdev::pci
