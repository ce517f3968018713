// SPDX-License-Identifier: Apache-2.0
#include "dra/health.h"

#include <thread>

#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::dra {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{60000};

std::vector<DeviceHealth> one(bool healthy) {
  return {
      {.pool = PoolName("n1"), .device = DeviceName("mock0"), .healthy = healthy, .message = ""}};
}

TEST(Health, NamesEveryDeviceInItsPool) {
  FakeAccelerators machine;
  machine.add("mock0");
  machine.add("mock0_vf1").health = discovery::Health::degraded;
  const SliceSettings settings{.driver = DriverName("d"), .node = NodeName("n1")};
  const auto health = health_of(machine.inventory.devices, settings);
  ASSERT_EQ(health.size(), 2U);
  EXPECT_TRUE(health[0].healthy);
  EXPECT_EQ(health[1].pool, PoolName("n1/numa0"));
  EXPECT_EQ(health[1].device, DeviceName("mock0-vf1"));
  EXPECT_FALSE(health[1].healthy);
  EXPECT_EQ(health[1].message, "the device is degraded");
}

TEST(HealthBoardTest, WakesWatchersOnAChange) {
  HealthBoard board;
  board.post(one(true));
  const auto first = board.watch(0, kLong);
  ASSERT_TRUE(first);
  std::jthread poster([&] { board.post(one(false)); });
  const auto second = board.watch(first->number, kLong);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->devices.front().healthy);
}

TEST(HealthBoardTest, TheSameAgainIsNoChange) {
  HealthBoard board;
  board.post(one(true));
  board.post(one(true));
  EXPECT_EQ(board.watch(0, kLong)->number, 1U);
}

TEST(HealthBoardTest, RepeatsItselfAfterAWhile) {
  HealthBoard board;
  board.post(one(true));
  EXPECT_EQ(board.watch(1, milliseconds(1))->devices, one(true));
}

TEST(HealthBoardTest, ClosingEndsWatching) {
  HealthBoard board;
  std::jthread closer([&] { board.close(); });
  EXPECT_FALSE(board.watch(0, kLong));
}

}  // namespace
}  // namespace mockdev::dra
