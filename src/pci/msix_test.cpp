// SPDX-License-Identifier: Apache-2.0
#include "pci/msix.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/capabilities.h"
#include "pci/testing.h"

namespace mockdev::pci {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr MsixControl kOn{.enabled = true};
constexpr MsixControl kHeld{.enabled = true, .held = true};

/// Two entries, masked or not.
std::array<std::byte, 32> table(bool first_masked, bool second_masked) {
  std::array<std::byte, 32> bytes{};
  bytes[12] = std::byte{first_masked};
  bytes[28] = std::byte{second_masked};
  return bytes;
}

class MsixTest : public testing::Test {
 protected:
  MsixTest() { msix_.set_sink(&sink_); }

  Msix msix_{2};
  RecordingSink sink_{/*shows_table=*/true};
};

TEST_F(MsixTest, SendsWhatIsNotMasked) {
  msix_.set_control(kOn);
  msix_.write_table(table(false, false));
  msix_.raise(1);
  EXPECT_THAT(sink_.vectors, ElementsAre(1));
  EXPECT_EQ(msix_.pending_bits(), 0U);
}

TEST_F(MsixTest, EveryVectorIsMaskedAfterReset) {
  msix_.set_control(kOn);
  msix_.raise(0);
  EXPECT_THAT(sink_.vectors, IsEmpty());
  EXPECT_EQ(msix_.pending_bits(), 1U);
}

TEST_F(MsixTest, AMaskedVectorIsSentOnceWhenItsMaskGoes) {
  msix_.set_control(kOn);
  msix_.write_table(table(false, true));
  msix_.raise(1);
  msix_.raise(1);
  EXPECT_THAT(sink_.vectors, IsEmpty());
  msix_.write_table(table(false, false));
  EXPECT_THAT(sink_.vectors, ElementsAre(1));
}

TEST_F(MsixTest, AHeldFunctionSendsWhatIsPendingWhenItIsLetGo) {
  msix_.write_table(table(false, false));
  msix_.set_control(kHeld);
  msix_.raise(0);
  msix_.raise(1);
  EXPECT_EQ(msix_.pending_bits(), 3U);
  msix_.set_control(kOn);
  EXPECT_THAT(sink_.vectors, ElementsAre(0, 1));
}

TEST_F(MsixTest, WithMsixOffInterruptsAreLost) {
  msix_.write_table(table(false, false));
  msix_.raise(0);
  msix_.set_control(kOn);
  EXPECT_THAT(sink_.vectors, IsEmpty());
}

TEST_F(MsixTest, TurningMsixOffForgetsWhatIsPending) {
  msix_.set_control(kOn);
  msix_.raise(0);
  msix_.set_control({});
  msix_.write_table(table(false, false));
  msix_.set_control(kOn);
  EXPECT_THAT(sink_.vectors, IsEmpty());
}

TEST_F(MsixTest, VectorsThatDoNotExistAreIgnored) {
  msix_.set_control(kOn);
  msix_.write_table(table(false, false));
  msix_.raise(2);
  msix_.raise(0xffff);
  EXPECT_THAT(sink_.vectors, IsEmpty());
}

TEST_F(MsixTest, TheTableKeepsAddressDataAndMaskBitOnly) {
  std::array<std::byte, 32> ones{};
  ones.fill(std::byte{0xff});
  msix_.write_table(ones);
  EXPECT_EQ(load_little_endian(msix_.table().first(8)), 0xffff'ffff'ffff'fffcU);
  EXPECT_EQ(load_little_endian(msix_.table().subspan(8, 8)), 0x0000'0001'ffff'ffffU);
}

TEST(MsixWithoutTableTest, AMachineThatKeepsTheTableMasksByItself) {
  Msix msix(2);
  RecordingSink sink;
  msix.set_sink(&sink);
  msix.set_control(kOn);
  msix.raise(0);
  EXPECT_THAT(sink.vectors, ElementsAre(0));
}

TEST(MsixWithoutTableTest, WithoutASinkInterruptsWaitForOne) {
  Msix msix(2);
  RecordingSink sink;
  msix.set_control(kOn);
  msix.raise(1);
  msix.set_sink(&sink);
  EXPECT_THAT(sink.vectors, ElementsAre(1));
}

TEST(MsixControlTest, NeedsMsixEnableBusMasterAndFullPower) {
  ConfigSpace space(ConfigLayoutBuilder({}, {})
                        .add(power_management())
                        .add(msix({.vectors = 2, .bar = 0, .table = 0, .pending_bits = 0x800}))
                        .build());
  const std::size_t msix = space.layout().find(CapabilityId::msi_x) + PCI_MSIX_FLAGS;
  const std::size_t power = space.layout().find(CapabilityId::power_management) + PCI_PM_CTRL;
  const auto write = [&](std::size_t offset, std::uint64_t value) {
    write_number([&](auto at, auto data) { space.write(at, data); }, offset, 2, value);
  };

  EXPECT_FALSE(msix_control(space).enabled);
  write(msix, PCI_MSIX_FLAGS_ENABLE);
  EXPECT_EQ(msix_control(space), kHeld);
  write(PCI_COMMAND, PCI_COMMAND_MASTER);
  EXPECT_EQ(msix_control(space), kOn);
  write(msix, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
  EXPECT_EQ(msix_control(space), kHeld);
  write(msix, PCI_MSIX_FLAGS_ENABLE);
  write(power, 3);
  EXPECT_EQ(msix_control(space), kHeld);
}

}  // namespace
}  // namespace mockdev::pci
