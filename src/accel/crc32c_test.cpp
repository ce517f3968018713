// SPDX-License-Identifier: Apache-2.0
#include "accel/crc32c.h"

#include <algorithm>
#include <array>
#include <random>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace mockdev::accel {
namespace {

std::vector<std::byte> counting(std::size_t count, int first, int step) {
  std::vector<std::byte> bytes;
  for (int i = 0; std::cmp_less(i, count); ++i)
    bytes.push_back(static_cast<std::byte>(first + i * step));
  return bytes;
}

void expect_crc(std::span<const std::byte> data, std::uint32_t expected) {
  EXPECT_EQ(crc32c(0, data), expected);
  EXPECT_EQ(crc32c_by_table(0, data), expected);
}

TEST(Crc32cTest, GivesTheValuesOfTheStandard) {
  // RFC 3720 §B.4, whose bytes stand in the order in which they are sent.
  expect_crc(counting(32, 0, 0), 0x8a91'36aa);
  expect_crc(counting(32, 0xff, 0), 0x62a8'ab43);
  expect_crc(counting(32, 0, 1), 0x46dd'794e);
  expect_crc(counting(32, 31, -1), 0x113f'db5c);
  std::vector<std::byte> read_command(48);
  const auto put = [&](std::size_t at, std::initializer_list<int> values) {
    for (const int value : values) read_command[at++] = static_cast<std::byte>(value);
  };
  put(0, {0x01, 0xc0});
  put(16, {0x14});
  put(22, {0x04});
  put(27, {0x14});
  put(31, {0x18, 0x28});
  put(40, {0x02});
  expect_crc(read_command, 0xd996'3a56);
}

TEST(Crc32cTest, GivesTheUsualCheckValue) {
  constexpr std::string_view kDigits = "123456789";
  expect_crc(std::as_bytes(std::span(kDigits)), 0xe306'9283);
  expect_crc({}, 0);
}

TEST(Crc32cTest, IsTheSameByInstructionAndByTable) {
  std::mt19937 random(5);
  std::vector<std::byte> data(4096);
  std::ranges::generate(data, [&] { return static_cast<std::byte>(random()); });
  for (int round = 0; round < 2'000; ++round) {
    const std::size_t offset = random() % 64;
    const auto part = std::span(data).subspan(offset, random() % (data.size() - offset));
    const auto start = static_cast<std::uint32_t>(random());
    ASSERT_EQ(crc32c(start, part), crc32c_by_table(start, part))
        << part.size() << " bytes at " << offset;
  }
}

TEST(Crc32cTest, GoesOnFromAnEarlierPart) {
  const auto data = counting(1000, 3, 7);
  for (std::size_t cut = 0; cut <= data.size(); cut += 37) {
    const std::uint32_t first = crc32c(0, std::span(data).first(cut));
    EXPECT_EQ(crc32c(first, std::span(data).subspan(cut)), crc32c(0, data));
  }
}

}  // namespace
}  // namespace mockdev::accel
