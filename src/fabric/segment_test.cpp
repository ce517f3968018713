// SPDX-License-Identifier: Apache-2.0
#include "fabric/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/testing.h"

namespace mockdev::fabric {
namespace {

using pci::FakeCard;

constexpr std::uint64_t kPortOfSlot1 = 0;
constexpr std::uint64_t kPortOfSlot3 = 2U << 15U;
constexpr std::uint64_t kBus1 = 1U << 20U;
constexpr std::uint64_t kAllOnes = 0xffff'ffff;

class SegmentTest : public testing::Test {
 protected:
  std::uint64_t read_config(std::uint64_t offset, std::size_t size = 4) {
    return pci::read_number(
        [&](std::uint64_t at, std::span<std::byte> into) { segment_.config_read(at, into); },
        offset, size);
  }
  void write_config(std::uint64_t offset, std::size_t size, std::uint64_t value) {
    pci::write_number(
        [&](std::uint64_t at, std::span<const std::byte> data) { segment_.config_write(at, data); },
        offset, size, value);
  }
  std::uint64_t read_memory(std::uint64_t address, std::size_t size = 4) {
    return pci::read_number(
        [&](std::uint64_t at, std::span<std::byte> into) { segment_.memory_read(at, into); },
        address, size);
  }

  /// Gives the card behind `port` bus 1 and a window with its address.
  void set_up(std::uint64_t port) {
    write_config(port + PCI_SECONDARY_BUS, 1, 1);
    write_config(port + PCI_PREF_MEMORY_BASE, 2, 0x0010);
    write_config(port + PCI_PREF_MEMORY_LIMIT, 2, 0x0010);
    write_config(port + PCI_PREF_BASE_UPPER32, 4, 0x80);
    write_config(port + PCI_PREF_LIMIT_UPPER32, 4, 0x80);
    write_config(port + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  }

  pci::RecordingSink sink_{true};
  FakeCard first_;
  FakeCard third_;
  std::array<Slot, 2> slots_ = {Slot{.number = 1, .physical = 101, .card = &first_},
                                Slot{.number = 3, .physical = 103, .card = &third_}};
  Segment segment_{0x1de5, 0xfc, slots_, sink_};
};

TEST_F(SegmentTest, HasAPortForEachSlot) {
  EXPECT_EQ(segment_.buses(), 3);
  EXPECT_EQ(read_config(kPortOfSlot1), 0x00fc'1de5);
  EXPECT_EQ(read_config(kPortOfSlot3), 0x00fc'1de5);
  EXPECT_EQ(read_config(1U << 15U), kAllOnes) << "slot 2 does not exist";
  EXPECT_EQ(read_config(1U << 12U), kAllOnes) << "nor a second function";
}

TEST_F(SegmentTest, ReachesTheCardOverTheBusOfItsPort) {
  third_.config[0] = std::byte{0x42};
  EXPECT_EQ(read_config(kBus1), kAllOnes);
  set_up(kPortOfSlot3);
  EXPECT_EQ(read_config(kBus1), 0x42);
  write_config(kBus1 + 0x10, 1, 7);
  EXPECT_EQ(third_.config[0x10], std::byte{7});
}

TEST_F(SegmentTest, CutsAnAccessThatRunsOverAFunctionsEnd) {
  set_up(kPortOfSlot1);
  first_.config[0xfff] = std::byte{1};
  EXPECT_EQ(read_config(kBus1 + 0xfff, 2), 0xff01);
}

TEST_F(SegmentTest, LeadsMemoryToTheCardThatClaimsIt) {
  third_.memory[4] = std::byte{9};
  EXPECT_EQ(read_memory(FakeCard::kAddress), kAllOnes);
  set_up(kPortOfSlot3);
  EXPECT_EQ(read_memory(FakeCard::kAddress + 4), 9);
  EXPECT_EQ(read_memory(FakeCard::kAddress + 0xffe), 0xffff'0000) << "the end of the BAR";
}

TEST_F(SegmentTest, LosesACardThatIsPulledOut) {
  set_up(kPortOfSlot1);
  ASSERT_TRUE(segment_.plugged(1));
  ASSERT_TRUE(segment_.unplug(1));
  EXPECT_FALSE(segment_.plugged(1));
  EXPECT_EQ(read_config(kBus1), kAllOnes);
  EXPECT_EQ(read_memory(FakeCard::kAddress), kAllOnes);
  ASSERT_TRUE(segment_.plug(1));
  EXPECT_EQ(read_config(kBus1), 0);
}

TEST_F(SegmentTest, SaysWhatCantBeMoved) {
  EXPECT_EQ(segment_.plug(1).error().message, "is plugged in already");
  EXPECT_EQ(segment_.plug(2).error().message, "slot 2: there is none");
  ASSERT_TRUE(segment_.unplug(1));
  EXPECT_EQ(segment_.unplug(1).error().message, "is not plugged in");
}

TEST_F(SegmentTest, ResetsAllCardsAndKeepsWhatIsOut) {
  ASSERT_TRUE(segment_.unplug(1));
  first_.resets = 0;
  third_.resets = 0;
  segment_.reset();
  EXPECT_EQ(first_.resets, 0);
  EXPECT_EQ(third_.resets, 1);
  EXPECT_FALSE(segment_.plugged(1));
}

}  // namespace
}  // namespace mockdev::fabric
