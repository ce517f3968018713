// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <gtest/gtest.h>

namespace mockdev {
namespace {

TEST(ByteCount, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_byte_count("0"), 0_B);
  EXPECT_EQ(parse_byte_count("4096"), 4096_B);
  EXPECT_EQ(parse_byte_count("16GiB"), 16_GiB);
  EXPECT_EQ(parse_byte_count("16Gi"), 16_GiB);
  EXPECT_EQ(parse_byte_count("16G"), 16_GiB);
  EXPECT_EQ(parse_byte_count("16 gib"), 16_GiB);
  EXPECT_EQ(parse_byte_count("1T"), 1024_GiB);
  EXPECT_EQ(parse_byte_count("512 B"), 512_B);
}

TEST(ByteCount, RefusesWhatIsNoSize) {
  for (const char* text : {"", "G", "-1", "1.5G", "16Q", "16GiBs", "1  G", "18446744073709551616",
                           "16777216T", "0x10"}) {
    EXPECT_FALSE(parse_byte_count(text)) << text;
  }
}

TEST(ByteCount, NamesTheBadValue) {
  EXPECT_EQ(parse_byte_count("lots").error().message,
            "lots is not a size, such as 512MiB or 16GiB");
}

TEST(ByteCount, PrintsTheLargestUnitThatDivides) {
  EXPECT_EQ(to_string(0_B), "0 B");
  EXPECT_EQ(to_string(5_B), "5 B");
  EXPECT_EQ(to_string(1536_MiB), "1536 MiB");
  EXPECT_EQ(to_string(16_GiB), "16 GiB");
  EXPECT_EQ(fmt::format("{}", 2048_GiB), "2 TiB");
}

TEST(ByteCount, PrintsWhatItReads) {
  for (const ByteCount count : {1_B, 4_KiB, 3_MiB, 16_GiB}) {
    EXPECT_EQ(parse_byte_count(to_string(count)), count);
  }
}

}  // namespace
}  // namespace mockdev
