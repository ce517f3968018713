// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include <gtest/gtest.h>

namespace mockdev {
namespace {

constexpr const char* kText = "123e4567-e89b-12d3-a456-426614174000";

TEST(Uuid, PrintsWhatItReads) {
  EXPECT_EQ(to_string(*parse_uuid(kText)), kText);
  EXPECT_EQ(to_string(*parse_uuid("123E4567-E89B-12D3-A456-426614174000")), kText);
}

TEST(Uuid, BytesStandInWrittenOrder) {
  const Uuid uuid = *parse_uuid(kText);
  EXPECT_EQ(uuid.bytes().front(), std::byte{0x12});
  EXPECT_EQ(uuid.bytes().at(6), std::byte{0x12});
  EXPECT_EQ(uuid.bytes().back(), std::byte{0x00});
}

TEST(Uuid, RefusesOtherText) {
  for (const char* text : {"", "123e4567", "123e4567-e89b-12d3-a456-42661417400g",
                           "123e4567-e89b-12d3-a456-4266141740000", "MOCK-0001"}) {
    EXPECT_FALSE(parse_uuid(text)) << text;
  }
}

TEST(Uuid, OfNameIsStableAndOfVersion5) {
  const Uuid uuid = uuid_of_name("node0/mock0");
  EXPECT_EQ(uuid, uuid_of_name("node0/mock0"));
  EXPECT_NE(uuid, uuid_of_name("node0/mock1"));
  EXPECT_EQ(to_string(uuid).at(14), '5');
}

TEST(Uuid, NilIsNone) {
  EXPECT_TRUE(Uuid{}.is_nil());
  EXPECT_FALSE(uuid_of_name("").is_nil());
}

}  // namespace
}  // namespace mockdev
