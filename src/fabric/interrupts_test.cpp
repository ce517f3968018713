// SPDX-License-Identifier: Apache-2.0
#include "fabric/interrupts.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pci/little_endian.h"
#include "pci/testing.h"

namespace mockdev::fabric {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class InterruptsTest : public testing::Test {
 protected:
  InterruptsTest() {
    interrupts_.set_bridge_sink(&sink_);
    interrupts_.set_control({.enabled = true});
  }

  void send(std::uint32_t number) {
    interrupts_.interrupt(0, {.address = MOCK_FABRIC_MSI_ADDRESS, .data = number});
  }
  std::uint64_t take(std::size_t word) {
    std::array<std::byte, 8> bytes{};
    interrupts_.take(8 * word, bytes);
    return pci::load_little_endian(bytes);
  }

  pci::RecordingSink sink_;
  Interrupts interrupts_;
};

TEST_F(InterruptsTest, RaiseTheVectorOfTheirWord) {
  interrupts_.set_vectors(4);
  send(0);
  send(65);
  send(5 * 64);
  EXPECT_THAT(sink_.vectors, ElementsAre(0, 1, 1));
  EXPECT_EQ(take(0), 1);
  EXPECT_EQ(take(1), 2);
  EXPECT_EQ(take(5), 1);
}

TEST_F(InterruptsTest, RaiseOnceUntilTheyAreTaken) {
  interrupts_.set_vectors(1);
  send(3);
  send(3);
  EXPECT_THAT(sink_.vectors, ElementsAre(0));
  EXPECT_EQ(take(0), 8);
  EXPECT_EQ(take(0), 0);
  send(3);
  EXPECT_THAT(sink_.vectors, ElementsAre(0, 0));
}

TEST_F(InterruptsTest, AreNotLostBeforeVectorsAreInUse) {
  send(64);
  send(2047);
  EXPECT_THAT(sink_.vectors, IsEmpty());
  interrupts_.set_vectors(2);
  EXPECT_THAT(sink_.vectors, ElementsAre(1, 1));
}

TEST_F(InterruptsTest, AreTakenByBytes) {
  send(1);
  send(9);
  std::array<std::byte, 1> byte{};
  interrupts_.take(1, byte);
  EXPECT_EQ(byte[0], std::byte{2});
  EXPECT_EQ(take(0), 2) << "the other byte is still there";
}

TEST_F(InterruptsTest, IgnoreMessagesToElsewhere) {
  interrupts_.set_vectors(1);
  send(2048);
  interrupts_.interrupt(0, {.address = 0xfee0'0000, .data = 1});
  interrupts_.interrupt(0, {});
  EXPECT_THAT(sink_.vectors, IsEmpty());
}

TEST_F(InterruptsTest, UseAtMostTheVectorsThatThereAre) {
  interrupts_.set_vectors(1000);
  EXPECT_EQ(interrupts_.vectors(), 32);
}

TEST_F(InterruptsTest, AreForgottenByAReset) {
  interrupts_.set_vectors(1);
  send(1);
  interrupts_.reset();
  EXPECT_EQ(interrupts_.vectors(), 0);
  EXPECT_EQ(take(0), 0);
}

}  // namespace
}  // namespace mockdev::fabric
