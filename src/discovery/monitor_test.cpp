// SPDX-License-Identifier: Apache-2.0
#include "discovery/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

namespace mockdev::discovery {
namespace {

TEST(MonitorTest, IsQuietWithoutTheModule) {
  auto monitor = Monitor::open();
  ASSERT_TRUE(monitor) << monitor.error().message;
  pollfd waiting{.fd = monitor->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0);
  EXPECT_THAT(monitor->news(), testing::IsEmpty());
}

}  // namespace
}  // namespace mockdev::discovery
