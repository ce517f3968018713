// SPDX-License-Identifier: Apache-2.0
#include "pci/capabilities.h"

#include <array>

#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/testing.h"

namespace mockdev::pci {
namespace {

/// A config space with one capability, addressed from the capability's start.
template <typename AnyCapability>
class Alone {
 public:
  explicit Alone(const AnyCapability& capability)
      : space_(ConfigLayoutBuilder({}, {}).add(capability).build()),
        base_(space_.layout().find(capability.id)) {}

  std::uint64_t read(std::size_t offset, std::size_t size) const {
    return read_number([&](auto at, auto into) { space_.read(at, into); }, base_ + offset, size);
  }
  ConfigEffect write(std::size_t offset, std::size_t size, std::uint64_t value) {
    ConfigEffect effect{};
    write_number([&](auto at, auto data) { effect = space_.write(at, data); }, base_ + offset, size,
                 value);
    return effect;
  }
  /// What hardware does when an error happens.
  void set(std::size_t offset, std::size_t size, std::uint64_t value) {
    space_.set(base_ + offset, size, value);
  }
  ConfigSpace& space() { return space_; }

 private:
  ConfigSpace space_;
  std::size_t base_;
};

// --- PCI Express ---

TEST(PciExpressTest, IsAnEndpointOfTheSecondVersion) {
  const Alone express(pci_express_endpoint());
  EXPECT_EQ(express.read(PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_VERS, 2U);
  EXPECT_EQ((express.read(PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE) >> 4U, PCI_EXP_TYPE_ENDPOINT);
}

TEST(PciExpressTest, HasAndUses16LanesAt16Gigatransfers) {
  const Alone express(pci_express_endpoint());
  EXPECT_EQ(express.read(PCI_EXP_LNKCAP, 2) & 0x3ffU, 0x104U);
  EXPECT_EQ(express.read(PCI_EXP_LNKSTA, 2) & 0x3ffU, 0x104U);
}

struct Write {
  std::size_t offset, size;
  std::uint64_t value;
};

class FunctionLevelResetTest : public testing::TestWithParam<Write> {};

TEST_P(FunctionLevelResetTest, IsSeenInAWriteOfAnyShape) {
  const auto [offset, size, value] = GetParam();
  Alone express(pci_express_endpoint());
  EXPECT_EQ(express.write(offset, size, value), ConfigEffect::function_level_reset);
  EXPECT_EQ(express.read(PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR, 0U);
  EXPECT_EQ(express.read(PCI_EXP_DEVSTA, 2) & PCI_EXP_DEVSTA_TRPND, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, FunctionLevelResetTest,
    testing::Values(Write{.offset = PCI_EXP_DEVCTL, .size = 2, .value = 0x8000},
                    Write{.offset = PCI_EXP_DEVCTL, .size = 4, .value = 0x8000},
                    Write{.offset = PCI_EXP_DEVCTL + 1, .size = 1, .value = 0x80},
                    Write{.offset = PCI_EXP_DEVCTL - 2, .size = 4, .value = 0x80000000U},
                    Write{.offset = PCI_EXP_DEVCTL - 3, .size = 8, .value = 0x80'0000'0000U}));

TEST(PciExpressTest, OtherWritesDoNotReset) {
  Alone express(pci_express_endpoint());
  EXPECT_EQ(express.write(PCI_EXP_DEVCTL, 2, 0x7fff), ConfigEffect::none);
  EXPECT_EQ(express.write(PCI_EXP_DEVSTA, 2, 0x8000), ConfigEffect::none);
}

TEST(PciExpressTest, FunctionLevelResetKeepsPayloadSizeAndLinkControl) {
  Alone express(pci_express_endpoint());
  express.write(PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_PAYLOAD_256B | PCI_EXP_DEVCTL_CERE);
  express.write(PCI_EXP_LNKCTL, 2, PCI_EXP_LNKCTL_CCC);
  express.write(PCI_EXP_DEVCTL2, 2, 0x15);
  express.write(PCI_EXP_DEVCTL + 1, 1, 0x80);
  EXPECT_EQ(express.read(PCI_EXP_DEVCTL, 2), 0x2910U | PCI_EXP_DEVCTL_PAYLOAD_256B);
  EXPECT_EQ(express.read(PCI_EXP_LNKCTL, 2), PCI_EXP_LNKCTL_CCC);
  EXPECT_EQ(express.read(PCI_EXP_DEVCTL2, 2), 0U);
}

TEST(PciExpressTest, ErrorBitsOfDeviceStatusAreClearedByOnes) {
  Alone express(pci_express_endpoint());
  express.set(PCI_EXP_DEVSTA, 2, 0xf);
  express.write(PCI_EXP_DEVCTL, 4, 0x0005'0000U);
  EXPECT_EQ(express.read(PCI_EXP_DEVSTA, 2), 0xaU);
}

// --- Power Management ---

TEST(PowerManagementTest, SleepsAndWakesWithoutLosingState) {
  Alone power(power_management());
  EXPECT_EQ(power.read(PCI_PM_PMC, 2), 3U);
  EXPECT_TRUE(power.read(PCI_PM_CTRL, 2) & PCI_PM_CTRL_NO_SOFT_RESET);
  EXPECT_EQ(power.write(PCI_PM_CTRL, 2, 3), ConfigEffect::none);
  EXPECT_EQ(power.read(PCI_PM_CTRL, 2) & 3U, 3U);
  power.write(PCI_PM_CTRL, 2, 0);
  EXPECT_EQ(power.read(PCI_PM_CTRL, 2) & 3U, 0U);
}

TEST(PowerManagementTest, StatesItDoesNotHaveLeaveThePresentOne) {
  Alone power(power_management());
  for (const std::uint64_t present : {0U, 3U}) {
    power.write(PCI_PM_CTRL, 2, present);
    for (const std::uint64_t missing : {1U, 2U}) {
      power.write(PCI_PM_CTRL, 2, missing);
      EXPECT_EQ(power.read(PCI_PM_CTRL, 2) & 3U, present);
    }
  }
}

// --- MSI-X ---

TEST(MsixCapabilityTest, SaysWhereTableAndPendingBitsAre) {
  Alone msi(msix({.vectors = 2, .bar = 0, .table = 0x800, .pending_bits = 0xc00}));
  EXPECT_EQ(msi.read(PCI_MSIX_FLAGS, 2), 1U);
  EXPECT_EQ(msi.read(PCI_MSIX_TABLE, 4), 0x800U);
  EXPECT_EQ(msi.read(PCI_MSIX_PBA, 4), 0xc00U);
  msi.write(PCI_MSIX_FLAGS, 2, 0xffff);
  EXPECT_EQ(msi.read(PCI_MSIX_FLAGS, 2), 0xc001U);
}

// --- Advanced Error Reporting ---

TEST(ErrorReportingTest, StartsWithTheStandardsMasksAndSeverities) {
  const Alone errors(advanced_error_reporting());
  EXPECT_EQ(errors.read(PCI_ERR_UNCOR_STATUS, 4), 0U);
  EXPECT_EQ(errors.read(PCI_ERR_UNCOR_MASK, 4), 0x00400000U);
  EXPECT_EQ(errors.read(PCI_ERR_UNCOR_SEVER, 4), 0x00462030U);
  EXPECT_EQ(errors.read(PCI_ERR_COR_STATUS, 4), 0U);
  EXPECT_EQ(errors.read(PCI_ERR_COR_MASK, 4), 0xe000U);
}

TEST(ErrorReportingTest, StatusIsClearedByOnesOnly) {
  Alone errors(advanced_error_reporting());
  errors.set(PCI_ERR_UNCOR_STATUS, 4, PCI_ERR_UNC_UNSUP | PCI_ERR_UNC_COMP_TIME);
  errors.write(PCI_ERR_UNCOR_STATUS, 4, PCI_ERR_UNC_UNSUP);
  EXPECT_EQ(errors.read(PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_COMP_TIME);
}

TEST(ErrorReportingTest, StatusAndMasksOutliveAFunctionLevelResetButNotAFundamentalOne) {
  Alone errors(advanced_error_reporting());
  errors.set(PCI_ERR_COR_STATUS, 4, PCI_ERR_COR_BAD_TLP);
  errors.write(PCI_ERR_UNCOR_MASK, 4, PCI_ERR_UNC_UNSUP);
  errors.space().function_level_reset();
  EXPECT_EQ(errors.read(PCI_ERR_COR_STATUS, 4), PCI_ERR_COR_BAD_TLP);
  EXPECT_EQ(errors.read(PCI_ERR_UNCOR_MASK, 4), PCI_ERR_UNC_UNSUP);
  errors.space().reset();
  EXPECT_EQ(errors.read(PCI_ERR_COR_STATUS, 4), 0U);
  EXPECT_EQ(errors.read(PCI_ERR_UNCOR_MASK, 4), 0x00400000U);
}

// --- SR-IOV ---

class SriovTest : public testing::Test {
 protected:
  static constexpr Bar kVfBar{.size = 4_KiB, .is_64bit = true, .prefetchable = true};

  void enable(std::uint64_t num_vfs) {
    sriov_.write(PCI_SRIOV_NUM_VF, 2, num_vfs);
    sriov_.write(PCI_SRIOV_CTRL, 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
  }

  Alone<ExtendedCapability> sriov_{
      single_root_iov({.total_vfs = 48, .vf_device = 0x1234, .vf_bar0 = kVfBar})};
};

TEST_F(SriovTest, DescribesItsVfs) {
  EXPECT_EQ(sriov_.read(PCI_SRIOV_TOTAL_VF, 2), 48U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_INITIAL_VF, 2), 48U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_NUM_VF, 2), 0U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_VF_OFFSET, 2), 1U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_VF_STRIDE, 2), 1U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_VF_DID, 2), 0x1234U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_SUP_PGSIZE, 4), 0x553U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_SYS_PGSIZE, 4), 1U);
}

TEST_F(SriovTest, NumVfsIsLimitedToTotalVfs) {
  sriov_.write(PCI_SRIOV_NUM_VF, 2, 48);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_NUM_VF, 2), 48U);
  sriov_.write(PCI_SRIOV_NUM_VF, 2, 63);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_NUM_VF, 2), 48U);
}

TEST_F(SriovTest, WhileVfsAreEnabledTheirNumberStays) {
  enable(16);
  sriov_.write(PCI_SRIOV_NUM_VF, 2, 4);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_NUM_VF, 2), 16U);
  sriov_.write(PCI_SRIOV_CTRL, 2, 0);
  sriov_.write(PCI_SRIOV_NUM_VF, 2, 4);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_NUM_VF, 2), 4U);
}

TEST_F(SriovTest, WhileVfsAreEnabledAriHierarchyAndPageSizeStay) {
  enable(1);
  sriov_.write(PCI_SRIOV_CTRL, 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_ARI);
  sriov_.write(PCI_SRIOV_SYS_PGSIZE, 4, 0x10);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_CTRL, 2), PCI_SRIOV_CTRL_VFE);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_SYS_PGSIZE, 4), 1U);
}

TEST_F(SriovTest, AriHierarchyCanBeSetTogetherWithVfEnable) {
  sriov_.write(PCI_SRIOV_CTRL, 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_ARI);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_CTRL, 2), PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_ARI);
}

TEST_F(SriovTest, SystemPageSizeIsAlwaysOneSupportedSize) {
  sriov_.write(PCI_SRIOV_SYS_PGSIZE, 4, 0x110);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_SYS_PGSIZE, 4), 0x10U);
  sriov_.write(PCI_SRIOV_SYS_PGSIZE, 4, 0);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_SYS_PGSIZE, 4), 1U);
  sriov_.write(PCI_SRIOV_SYS_PGSIZE, 4, 0xfffffaac);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_SYS_PGSIZE, 4), 1U);
}

TEST_F(SriovTest, VfBarSizesByTheSystemPage) {
  sriov_.write(PCI_SRIOV_BAR, 8, ~std::uint64_t{0});
  EXPECT_EQ(sriov_.read(PCI_SRIOV_BAR, 8), 0xffff'ffff'ffff'f00cU);
  sriov_.write(PCI_SRIOV_SYS_PGSIZE, 4, 0x10);  // 64 KiB
  EXPECT_EQ(sriov_.read(PCI_SRIOV_BAR, 8), 0xffff'ffff'ffff'000cU);
  sriov_.write(PCI_SRIOV_BAR, 8, 0x40'1234'5678U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_BAR, 8), 0x40'1234'000cU);
}

TEST_F(SriovTest, AFunctionLevelResetEndsAllVfs) {
  enable(8);
  sriov_.space().function_level_reset();
  EXPECT_EQ(sriov_.read(PCI_SRIOV_CTRL, 2), 0U);
  EXPECT_EQ(sriov_.read(PCI_SRIOV_NUM_VF, 2), 0U);
}

}  // namespace
}  // namespace mockdev::pci
