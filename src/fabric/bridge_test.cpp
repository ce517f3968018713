// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/testing.h"

namespace mockdev::fabric {
namespace {

using pci::FakeCard;
using testing::ElementsAre;

class BridgeTest : public testing::Test {
 protected:
  BridgeTest() { bridge_.set_interrupt_sink(&sink_); }

  std::uint64_t read(unsigned bar, std::uint64_t offset, std::size_t size = 4) {
    return pci::read_number(
        [&](std::uint64_t at, std::span<std::byte> into) { bridge_.bar_read(bar, at, into); },
        offset, size);
  }
  void write(unsigned bar, std::uint64_t offset, std::size_t size, std::uint64_t value) {
    pci::write_number([&](std::uint64_t at,
                          std::span<const std::byte> data) { bridge_.bar_write(bar, at, data); },
                      offset, size, value);
  }
  std::uint64_t registers(std::uint64_t offset, std::size_t size = 4) {
    return read(MOCK_FABRIC_BAR_REGISTERS, offset, size);
  }
  void enable_interrupts() {
    const auto write_config = [&](std::uint64_t at, std::span<const std::byte> data) {
      bridge_.config_write(at, data);
    };
    pci::write_number(write_config, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    pci::write_number(write_config, kMsix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
    write(MOCK_FABRIC_BAR_REGISTERS, MOCK_FABRIC_REG_VECTORS, 4, 2);
  }

  static constexpr std::size_t kMsix = 0x90;

  pci::RecordingSink sink_;
  FakeCard card_;
  std::array<Slot, 1> slots_ = {Slot{.number = 1, .physical = 101, .card = &card_}};
  Bridge bridge_{{.vendor = 0x1de5, .segment = 7}, slots_};
};

TEST_F(BridgeTest, SaysWhatItIs) {
  EXPECT_EQ(registers(MOCK_FABRIC_REG_MAGIC), MOCK_FABRIC_MAGIC);
  EXPECT_EQ(registers(MOCK_FABRIC_REG_ABI), MOCK_FABRIC_ABI_VERSION);
  EXPECT_EQ(registers(MOCK_FABRIC_REG_BUSES), 2);
  EXPECT_EQ(registers(MOCK_FABRIC_REG_SEGMENT), 7);
  EXPECT_EQ(registers(0x20, 8), 0) << "a gap";
  EXPECT_EQ(bridge_.bars()[MOCK_FABRIC_BAR_CONFIG].size, 2_MiB);
}

TEST_F(BridgeTest, GivesItsCardsTheMachinesMemory) {
  class NoMemory final : public pci::MachineMemory {
    Result<void> read(std::uint64_t /*address*/, std::span<std::byte> /*into*/) override {
      return fail("none");
    }
    Result<void> write(std::uint64_t /*address*/, std::span<const std::byte> /*data*/) override {
      return fail("none");
    }
  } memory;
  bridge_.set_machine_memory(&memory);
  EXPECT_EQ(card_.machine_memory, &memory);
  bridge_.set_machine_memory(nullptr);
  EXPECT_EQ(card_.machine_memory, nullptr);
}

TEST_F(BridgeTest, CarriesConfigurationRequests) {
  EXPECT_EQ(read(MOCK_FABRIC_BAR_CONFIG, 0), 0x00fc'1de5);
  EXPECT_EQ(read(MOCK_FABRIC_BAR_CONFIG, 1U << 20U), 0xffff'ffff);
}

TEST_F(BridgeTest, CarriesMemoryRequestsAtTheAddressesOfItsMachine) {
  card_.memory[0] = std::byte{0x5a};
  write(MOCK_FABRIC_BAR_CONFIG, PCI_PREF_MEMORY_BASE, 2, 0x0010);
  write(MOCK_FABRIC_BAR_CONFIG, PCI_PREF_MEMORY_LIMIT, 2, 0x0010);
  write(MOCK_FABRIC_BAR_CONFIG, PCI_PREF_BASE_UPPER32, 4, 0x80);
  write(MOCK_FABRIC_BAR_CONFIG, PCI_PREF_LIMIT_UPPER32, 4, 0x80);
  write(MOCK_FABRIC_BAR_CONFIG, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  EXPECT_EQ(read(MOCK_FABRIC_BAR_WINDOW, 0x10'0000), 0xffff'ffff);
  write(MOCK_FABRIC_BAR_REGISTERS, MOCK_FABRIC_REG_WINDOW, 8, 0x80'0000'0000);
  EXPECT_EQ(registers(MOCK_FABRIC_REG_WINDOW, 8), 0x80'0000'0000);
  EXPECT_EQ(read(MOCK_FABRIC_BAR_WINDOW, 0x10'0000), 0x5a);
}

TEST_F(BridgeTest, CollectsTheInterruptsOfItsCards) {
  enable_interrupts();
  card_.sink->interrupt(0, {.address = MOCK_FABRIC_MSI_ADDRESS, .data = 64});
  EXPECT_THAT(sink_.vectors, ElementsAre(1));
  EXPECT_EQ(registers(MOCK_FABRIC_REG_PENDING + 8, 8), 1);
  EXPECT_EQ(registers(MOCK_FABRIC_REG_PENDING + 8, 8), 0);
}

TEST_F(BridgeTest, RaisesNoVectorAgainForAWriteOfAnotherRegister) {
  enable_interrupts();
  card_.sink->interrupt(0, {.address = MOCK_FABRIC_MSI_ADDRESS, .data = 0});
  write(MOCK_FABRIC_BAR_REGISTERS, MOCK_FABRIC_REG_WINDOW, 8, 0);
  EXPECT_THAT(sink_.vectors, ElementsAre(0));
}

TEST_F(BridgeTest, ForgetsWhatSoftwareSetWhenItIsReset) {
  enable_interrupts();
  write(MOCK_FABRIC_BAR_REGISTERS, MOCK_FABRIC_REG_WINDOW, 8, 0x1000);
  card_.resets = 0;
  bridge_.reset();
  EXPECT_EQ(registers(MOCK_FABRIC_REG_WINDOW, 8), 0);
  EXPECT_EQ(registers(MOCK_FABRIC_REG_VECTORS), 0);
  EXPECT_EQ(card_.resets, 1);
}

TEST_F(BridgeTest, LetsCardsGoWhenItEnds) {
  FakeCard card;
  const std::array<Slot, 1> slots = {Slot{.number = 1, .physical = 101, .card = &card}};
  {
    const Bridge bridge({.vendor = 1}, slots);
    EXPECT_NE(card.sink, nullptr);
  }
  EXPECT_EQ(card.sink, nullptr);
}

TEST_F(BridgeTest, PlugsAndPulls) {
  ASSERT_TRUE(bridge_.unplug(1));
  EXPECT_FALSE(bridge_.plugged(1));
  EXPECT_FALSE(bridge_.unplug(1));
  ASSERT_TRUE(bridge_.plug(1));
  EXPECT_TRUE(bridge_.plugged(1));
  EXPECT_FALSE(bridge_.set_link(9, false));
}

}  // namespace
}  // namespace mockdev::fabric
