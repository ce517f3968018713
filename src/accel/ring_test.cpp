// SPDX-License-Identifier: Apache-2.0
#include "accel/ring.h"

#include <limits>

#include <gtest/gtest.h>

namespace mockdev::accel {
namespace {

TEST(RingTest, HasAPowerOfTwoFrom2To4096OfDescriptors) {
  for (const std::uint32_t size : {2U, 4U, 64U, 4096U}) {
    EXPECT_TRUE((Ring{.base = 0, .size = size}.is_valid())) << size;
  }
  for (const std::uint32_t size : {0U, 1U, 3U, 100U, 8192U, 0x8000'0000U, ~0U}) {
    EXPECT_FALSE((Ring{.base = 0, .size = size}.is_valid())) << size;
  }
}

TEST(RingTest, IsAlignedAndEndsAtTheLastAddressAtMost) {
  constexpr std::uint64_t kLast = ~std::uint64_t{0};
  EXPECT_TRUE((Ring{.base = kLast - 127, .size = 2}.is_valid()));
  EXPECT_FALSE((Ring{.base = kLast - 63, .size = 2}.is_valid()));
  EXPECT_FALSE((Ring{.base = kLast - 127, .size = 4}.is_valid()));
  EXPECT_FALSE((Ring{.base = 0x1020, .size = 4}.is_valid()));
}

TEST(RingTest, WrapsAroundInMemory) {
  Ring ring{.base = 0x1000, .size = 4};
  EXPECT_EQ(ring.next(), 0x1000);
  ring.head = 7;
  EXPECT_EQ(ring.next(), 0x10c0);
  ring.head = 8;
  EXPECT_EQ(ring.next(), 0x1000);
}

TEST(RingTest, GoesOnWhereIndicesStartAnew) {
  Ring ring{.base = 0x1000, .size = 4, .head = ~0U - 1, .ready = 2};
  EXPECT_FALSE(ring.is_overrun()) << "exactly full";
  EXPECT_EQ(ring.next(), 0x1080);
  ring.head += 2;
  EXPECT_EQ(ring.head, 0);
  EXPECT_EQ(ring.next(), 0x1000);
  EXPECT_FALSE(ring.is_empty());
  ring.head += 2;
  EXPECT_TRUE(ring.is_empty());
}

TEST(RingTest, IsOverrunByTooManyDescriptorsAndByFewerThanAreFinished) {
  EXPECT_FALSE((Ring{.size = 4, .head = 10, .ready = 14}.is_overrun()));
  EXPECT_TRUE((Ring{.size = 4, .head = 10, .ready = 15}.is_overrun()));
  EXPECT_TRUE((Ring{.size = 4, .head = 10, .ready = 9}.is_overrun()));
  EXPECT_TRUE((Ring{.size = 4, .head = 1, .ready = ~0U}.is_overrun()));
}

}  // namespace
}  // namespace mockdev::accel
