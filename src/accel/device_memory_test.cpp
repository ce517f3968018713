// SPDX-License-Identifier: Apache-2.0
#include "accel/device_memory.h"

#include <array>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::accel {
namespace {

using testing::Each;
using testing::HasSubstr;

std::vector<std::byte> pattern(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

TEST(DeviceMemoryTest, ReadsZerosAndCostsNothingBeforeTheFirstWrite) {
  const DeviceMemory memory(16_GiB);
  std::array<std::byte, 64> bytes{std::byte{1}};
  ASSERT_TRUE(memory.read(16'000'000'000, bytes));
  EXPECT_THAT(bytes, Each(std::byte{0}));
  EXPECT_EQ(memory.used(), 0_B);
}

TEST(DeviceMemoryTest, KeepsWhatWasWrittenAnywhereInIt) {
  DeviceMemory memory(16_GiB);
  const auto written = pattern(10'000);
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{12'345'678'901}, (16_GiB).value() - 10'000}) {
    ASSERT_TRUE(memory.write(offset, written));
    std::vector<std::byte> read(written.size());
    ASSERT_TRUE(memory.read(offset, read));
    EXPECT_EQ(read, written);
  }
}

TEST(DeviceMemoryTest, CostsWhatIsTouched) {
  DeviceMemory memory(16_GiB);
  ASSERT_TRUE(memory.write(5'000'000'000, pattern(4096)));
  EXPECT_GT(memory.used(), 0_B);
  EXPECT_LT(memory.used(), 4_MiB);  // huge pages may be the unit
}

TEST(DeviceMemoryTest, RetiredMemoryReadsAsZerosAndLosesWhatIsWritten) {
  DeviceMemory memory(1_GiB);
  ASSERT_TRUE(memory.write(100, pattern(100)));
  memory.retire();
  EXPECT_TRUE(memory.write(100, pattern(100)));
  std::array<std::byte, 100> bytes{};
  ASSERT_TRUE(memory.read(100, bytes));
  EXPECT_THAT(bytes, Each(std::byte{0}));
}

TEST(DeviceMemoryTest, ThreadsThatWriteFirstShareOneFile) {
  DeviceMemory memory(1_GiB);
  std::array<std::byte, 2> bytes{};
  {
    std::jthread other([&] { EXPECT_TRUE(memory.write(0, pattern(1))); });
    EXPECT_TRUE(memory.write(1, pattern(1)));
  }
  ASSERT_TRUE(memory.read(0, bytes));
  EXPECT_THAT(bytes, Each(pattern(1).front()));
}

TEST(DeviceMemoryTest, RangesThatLeaveItAreRefused) {
  DeviceMemory memory(4_KiB);
  std::array<std::byte, 16> bytes{};
  for (const std::uint64_t offset :
       {std::uint64_t{4081}, std::uint64_t{4096}, ~std::uint64_t{0}, ~std::uint64_t{0} - 15}) {
    EXPECT_FALSE(memory.read(offset, bytes));
    EXPECT_FALSE(memory.write(offset, bytes));
  }
  EXPECT_THAT(memory.write(4081, bytes).error().message,
              HasSubstr("16 bytes at 0xff1 are not all within its 4 KiB"));
  EXPECT_TRUE(memory.write(4080, bytes));
}

TEST(DeviceMemoryTest, TheLargestSizeWorks) {
  DeviceMemory memory(DeviceMemory::kMaxSize);
  const auto written = pattern(8);
  EXPECT_TRUE(memory.write(DeviceMemory::kMaxSize.value() - 8, written));
}

}  // namespace
}  // namespace mockdev::accel
