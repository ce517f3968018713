// SPDX-License-Identifier: Apache-2.0
#include "pci/root_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/testing.h"

namespace mockdev::pci {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t kExpressOfPort = 0x40;
constexpr std::size_t kMsiOfPort = 0x90;
constexpr std::uint64_t kCardAddress = FakeCard::kAddress;

class RootPortTest : public testing::Test {
 protected:
  RootPortTest() { port_.set_interrupt_sink(&sink_); }

  void write(std::size_t offset, std::size_t size, std::uint64_t value) {
    write_number(
        [&](std::size_t at, std::span<const std::byte> data) { port_.config_write(at, data); },
        offset, size, value);
  }
  std::uint64_t read(std::size_t offset, std::size_t size) {
    return read_number(
        [&](std::size_t at, std::span<std::byte> into) { port_.config_read(at, into); }, offset,
        size);
  }
  std::uint64_t slot_status() { return read(kExpressOfPort + PCI_EXP_SLTSTA, 2); }
  bool link_active() {
    return (read(kExpressOfPort + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA) != 0;
  }

  void enable_events() {
    write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    write(kMsiOfPort + PCI_MSI_ADDRESS_LO, 4, 0x4d4f0000);
    write(kMsiOfPort + PCI_MSI_DATA_64, 2, 77);
    write(kMsiOfPort + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
    write(kExpressOfPort + PCI_EXP_SLTCTL, 2,
          PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE);
  }
  void clear_events() {
    write(kExpressOfPort + PCI_EXP_SLTSTA, 2, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
  }

  RecordingSink sink_{true};
  FakeCard card_;
  RootPort port_{{.vendor = 0x1de5, .device = 0xfc, .slot = 5}};
};

TEST_F(RootPortTest, IsABridgeWithAHotPlugSlot) {
  EXPECT_EQ(read(PCI_CLASS_REVISION, 4) >> 8U, 0x060400);
  EXPECT_EQ(read(PCI_HEADER_TYPE, 1), 1);
  EXPECT_EQ(read(kExpressOfPort, 1), PCI_CAP_ID_EXP);
  EXPECT_EQ(read(kMsiOfPort, 1), PCI_CAP_ID_MSI);
  const std::uint64_t slot = read(kExpressOfPort + PCI_EXP_SLTCAP, 4);
  EXPECT_EQ(slot >> 19U, 5);
  EXPECT_EQ(slot & PCI_EXP_SLTCAP_HPC, PCI_EXP_SLTCAP_HPC);
}

TEST_F(RootPortTest, StartsWithClosedWindows) {
  EXPECT_GT(read(PCI_MEMORY_BASE, 2), read(PCI_MEMORY_LIMIT, 2));
  EXPECT_GT(read(PCI_PREF_MEMORY_BASE, 2), read(PCI_PREF_MEMORY_LIMIT, 2));
}

TEST_F(RootPortTest, ShowsWhetherACardIsThere) {
  EXPECT_EQ(slot_status() & PCI_EXP_SLTSTA_PDS, 0);
  EXPECT_FALSE(link_active());
  port_.plug(card_);
  EXPECT_EQ(slot_status(), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
  EXPECT_TRUE(link_active());
  clear_events();
  EXPECT_EQ(slot_status(), PCI_EXP_SLTSTA_PDS);
  port_.unplug();
  EXPECT_EQ(slot_status(), PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
  EXPECT_FALSE(link_active());
}

TEST_F(RootPortTest, SendsOneMessageUntilTheEventsAreCleared) {
  enable_events();
  port_.plug(card_);
  port_.unplug();
  ASSERT_THAT(sink_.messages, SizeIs(1));
  EXPECT_EQ(sink_.messages[0].address, 0x4d4f0000);
  EXPECT_EQ(sink_.messages[0].data, 77);
  clear_events();
  port_.plug(card_);
  EXPECT_THAT(sink_.messages, SizeIs(2));
}

TEST_F(RootPortTest, SendsAMessageForAnEventThatIsEnabledLate) {
  port_.plug(card_);
  EXPECT_THAT(sink_.messages, IsEmpty());
  enable_events();
  EXPECT_THAT(sink_.messages, SizeIs(1));
}

TEST_F(RootPortTest, LeadsMemoryRequestsThroughItsWindow) {
  port_.plug(card_);
  EXPECT_FALSE(port_.claim(kCardAddress));
  write(PCI_PREF_MEMORY_BASE, 2, 0x0010);
  write(PCI_PREF_MEMORY_LIMIT, 2, 0x0010);
  write(PCI_PREF_BASE_UPPER32, 4, 0x80);
  write(PCI_PREF_LIMIT_UPPER32, 4, 0x80);
  EXPECT_FALSE(port_.claim(kCardAddress)) << "Memory Space Enable is clear";
  write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  ASSERT_TRUE(port_.claim(kCardAddress + 8));
  EXPECT_EQ(port_.claim(kCardAddress + 8)->offset, 8);
  write(PCI_PREF_LIMIT_UPPER32, 4, 0);
  EXPECT_FALSE(port_.claim(kCardAddress)) << "the window is closed";
}

TEST_F(RootPortTest, LeadsConfigurationRequestsToItsBus) {
  FakeCard vf;
  card_.vfs.assign(9, &vf);
  port_.plug(card_);
  write(PCI_SECONDARY_BUS, 1, 3);
  EXPECT_EQ(port_.route(3, 0), &card_);
  EXPECT_EQ(port_.route(3, 7), &vf);
  EXPECT_EQ(port_.route(3, 8), nullptr) << "another device number, without ARI";
  EXPECT_EQ(port_.route(4, 0), nullptr);
  write(kExpressOfPort + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_ARI);
  EXPECT_EQ(port_.route(3, 9), &vf);
  EXPECT_EQ(port_.route(3, 10), nullptr);
}

TEST_F(RootPortTest, ResetsTheCardByItsBus) {
  port_.plug(card_);
  write(PCI_SECONDARY_BUS, 1, 3);
  card_.resets = 0;
  write(PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
  EXPECT_EQ(port_.route(3, 0), nullptr) << "held in reset";
  EXPECT_FALSE(link_active());
  write(PCI_BRIDGE_CONTROL, 2, 0);
  EXPECT_GE(card_.resets, 1);
  EXPECT_EQ(port_.route(3, 0), &card_);
  EXPECT_TRUE(link_active());
}

TEST_F(RootPortTest, LosesTheCardWithItsLink) {
  port_.plug(card_);
  write(PCI_SECONDARY_BUS, 1, 3);
  clear_events();
  port_.set_link(false);
  EXPECT_EQ(slot_status(), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_DLLSC);
  EXPECT_EQ(port_.route(3, 0), nullptr);
  clear_events();
  port_.set_link(false);
  EXPECT_EQ(slot_status(), PCI_EXP_SLTSTA_PDS) << "nothing changed";
  port_.set_link(true);
  EXPECT_EQ(port_.route(3, 0), &card_);
}

TEST_F(RootPortTest, KeepsTheCardOverAReset) {
  port_.plug(card_);
  card_.resets = 0;
  port_.reset();
  EXPECT_EQ(card_.resets, 1);
  EXPECT_EQ(slot_status(), PCI_EXP_SLTSTA_PDS);
  EXPECT_TRUE(link_active());
}

}  // namespace
}  // namespace mockdev::pci
