// SPDX-License-Identifier: Apache-2.0
#include "lab/ports.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace mockdev::lab {
namespace {

TEST(FreePorts, AreAsManyAsAskedForAndNoneTwice) {
  const auto ports = free_ports(20);
  ASSERT_TRUE(ports);
  EXPECT_EQ(ports->size(), 20U);
  EXPECT_EQ(std::set(ports->begin(), ports->end()).size(), 20U);
  EXPECT_EQ(std::ranges::count(*ports, 0), 0);
}

}  // namespace
}  // namespace mockdev::lab
