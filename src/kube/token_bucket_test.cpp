// SPDX-License-Identifier: Apache-2.0
#include "kube/token_bucket.h"

#include <gtest/gtest.h>

namespace mockdev::kube {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr Clock::time_point kStart{hours(1000)};

TEST(TokenBucket, LetsABurstThroughAndThenTheRate) {
  TokenBucket bucket(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(hours(1), kStart), nanoseconds(0));
  EXPECT_EQ(bucket.take(hours(1), kStart), milliseconds(100));
  EXPECT_EQ(bucket.take(hours(1), kStart), milliseconds(200));
}

TEST(TokenBucket, SavesUpNoMoreThanABurst) {
  TokenBucket bucket(10, 1);
  EXPECT_EQ(bucket.take(hours(1), kStart), nanoseconds(0));
  EXPECT_EQ(bucket.take(hours(1), kStart + hours(1)), nanoseconds(0));
  EXPECT_EQ(bucket.take(hours(1), kStart + hours(1)), milliseconds(100));
}

TEST(TokenBucket, TakesNothingForTheImpatient) {
  TokenBucket bucket(1, 1);
  EXPECT_TRUE(bucket.take(hours(1), kStart));
  EXPECT_FALSE(bucket.take(milliseconds(10), kStart));
  EXPECT_EQ(bucket.take(hours(1), kStart), seconds(1));
}

TEST(TokenBucket, WithoutARateHoldsNobodyUp) {
  TokenBucket bucket(0, 1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(bucket.take(hours(1), kStart), nanoseconds(0));
}

}  // namespace
}  // namespace mockdev::kube
