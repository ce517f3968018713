// SPDX-License-Identifier: Apache-2.0
#include "pci/decode.h"

#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/capabilities.h"
#include "pci/testing.h"

namespace mockdev::pci {
namespace {

constexpr Bar kSmallBar{.size = 4_KiB, .is_64bit = true, .prefetchable = true};
constexpr Bars kTwoBars = {kSmallBar, Bar{}, Bar{.size = 64_KiB}};
constexpr std::uint64_t kHigh = 0x12'3456'7000;

ConfigSpace decoding_space() {
  return ConfigSpace(
      ConfigLayoutBuilder({.vendor = 1,
                           .device = 2,
                           .subsystem_vendor = 1,
                           .subsystem = 2,
                           .class_code = 0,
                           .revision = 0},
                          kTwoBars)
          .add(power_management())
          .add(single_root_iov({.total_vfs = 4, .vf_device = 3, .vf_bar0 = kSmallBar}))
          .build());
}

void write(ConfigSpace& space, std::size_t offset, std::size_t size, std::uint64_t value) {
  write_number([&](std::size_t at, std::span<const std::byte> data) { space.write(at, data); },
               offset, size, value);
}

/// "2+0x10" for BAR 2, offset 0x10; "none".
std::string decoded(const ConfigSpace& space, std::uint64_t address) {
  const auto place = decode(space, kTwoBars, address);
  return place ? fmt::format("{}+{:#x}", place->bar, place->offset) : "none";
}

TEST(Decode, FindsTheBarOfAnAddress) {
  ConfigSpace space = decoding_space();
  write(space, PCI_BASE_ADDRESS_0, 8, kHigh);
  write(space, PCI_BASE_ADDRESS_2, 4, 0xfe00'0000);
  EXPECT_EQ(decoded(space, kHigh), "none") << "Memory Space Enable is clear";
  write(space, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  EXPECT_EQ(decoded(space, kHigh), "0+0x0");
  EXPECT_EQ(decoded(space, kHigh + 0xfff), "0+0xfff");
  EXPECT_EQ(decoded(space, kHigh + 0x1000), "none");
  EXPECT_EQ(decoded(space, kHigh - 1), "none");
  EXPECT_EQ(decoded(space, 0xfe00'ffff), "2+0xffff");
  EXPECT_EQ(decoded(space, 0xfe01'0000), "none");
}

TEST(Decode, NeedsAFunctionThatIsAwake) {
  ConfigSpace space = decoding_space();
  write(space, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  write(space, PCI_BASE_ADDRESS_0, 8, kHigh);
  const std::size_t power = space.layout().find(CapabilityId::power_management);
  write(space, power + PCI_PM_CTRL, 2, 3);
  EXPECT_FALSE(is_awake(space));
  EXPECT_EQ(decoded(space, kHigh), "none");
}

TEST(Decode, AFunctionMastersWhileItMayAndIsAwake) {
  ConfigSpace space = decoding_space();
  EXPECT_FALSE(may_master(space));
  write(space, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
  EXPECT_TRUE(may_master(space));
  const std::size_t power = space.layout().find(CapabilityId::power_management);
  write(space, power + PCI_PM_CTRL, 2, 3);
  EXPECT_FALSE(may_master(space));
}

class VfDecode : public testing::Test {
 protected:
  VfDecode() { write(space_, sriov_ + PCI_SRIOV_BAR, 8, kHigh); }

  void control(std::uint64_t bits) { write(space_, sriov_ + PCI_SRIOV_CTRL, 2, bits); }

  /// "2+0x10" for VF 2, offset 0x10; "none".
  [[nodiscard]] std::string found(std::uint64_t address) const {
    const auto place = decode_vf(space_, kSmallBar.size, address);
    return place ? fmt::format("{}+{:#x}", place->vf, place->offset) : "none";
  }

  ConfigSpace space_ = decoding_space();
  std::size_t sriov_ = space_.layout().find(ExtendedCapabilityId::single_root_iov);
};

TEST_F(VfDecode, CountsThoseThatAreEnabled) {
  write(space_, sriov_ + PCI_SRIOV_NUM_VF, 2, 3);
  EXPECT_EQ(enabled_vfs(space_), 0);
  control(PCI_SRIOV_CTRL_VFE);
  EXPECT_EQ(enabled_vfs(space_), 3);
}

TEST_F(VfDecode, DividesTheBarAmongTheVfs) {
  write(space_, sriov_ + PCI_SRIOV_NUM_VF, 2, 3);
  control(PCI_SRIOV_CTRL_VFE);
  EXPECT_EQ(found(kHigh), "none") << "VF Memory Space Enable is clear";
  control(PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
  EXPECT_EQ(found(kHigh), "0+0x0");
  EXPECT_EQ(found(kHigh + 0x2010), "2+0x10");
  EXPECT_EQ(found(kHigh + 0x3000), "none") << "not enabled";
  EXPECT_EQ(found(kHigh - 1), "none");
}

TEST_F(VfDecode, GivesEachVfAWholeSystemPage) {
  write(space_, sriov_ + PCI_SRIOV_NUM_VF, 2, 2);
  write(space_, sriov_ + PCI_SRIOV_SYS_PGSIZE, 4, 16);  // 64 KiB
  write(space_, sriov_ + PCI_SRIOV_BAR, 8, 0x12'3450'0000);
  control(PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
  EXPECT_EQ(found(0x12'3450'0fff), "0+0xfff");
  EXPECT_EQ(found(0x12'3450'1000), "none") << "the rest of the page is empty";
  EXPECT_EQ(found(0x12'3451'0000), "1+0x0");
}

}  // namespace
}  // namespace mockdev::pci
