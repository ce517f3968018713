// SPDX-License-Identifier: Apache-2.0
#include "discovery/bdf.h"

#include <gtest/gtest.h>

namespace mockdev::discovery {
namespace {

TEST(Bdf, PrintsWhatItReads) {
  for (const char* text : {"0000:00:00.0", "0001:02:1f.7", "ffff:ff:10.3", "10000:01:00.0"}) {
    const auto bdf = parse_bdf(text);
    ASSERT_TRUE(bdf) << text;
    EXPECT_EQ(to_string(*bdf), text);
  }
}

TEST(Bdf, ReadsEachPart) {
  EXPECT_EQ(parse_bdf("0001:0a:1f.7"),
            (Bdf{.domain = 1, .bus = 0x0a, .device = 0x1f, .function = 7}));
}

TEST(Bdf, RefusesOtherText) {
  for (const char* text : {"", "00:00.0", "pci0000:00", "0000:00:20.0", "0000:00:00.8",
                           "0000:00:00.", "0000:+1:00.0", "0000:00:00.0\n", "000000000:00:00.0"}) {
    EXPECT_FALSE(parse_bdf(text)) << text;
  }
}

TEST(Bdf, OrdersAsTheBusDoes) {
  EXPECT_LT(*parse_bdf("0000:ff:00.0"), *parse_bdf("0001:00:00.0"));
  EXPECT_LT(*parse_bdf("0001:01:00.1"), *parse_bdf("0001:01:01.0"));
}

}  // namespace
}  // namespace mockdev::discovery
