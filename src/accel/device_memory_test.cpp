// SPDX-License-Identifier: Apache-2.0
#include "accel/device_memory.h"

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accel/testing.h"

namespace mockdev::accel {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::byte> pattern(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

/// What the mapping that has this byte costs the host. Zeros that were only looked at cost none.
ByteCount cost_of_mapping_of(const std::byte& byte) {
  const auto address = reinterpret_cast<std::uintptr_t>(&byte);
  std::ifstream smaps("/proc/self/smaps");
  bool is_within = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    char dash = 0;
    if (words >> std::hex >> start >> dash >> end && dash == '-') {
      is_within = start <= address && address < end;
    } else if (constexpr std::string_view kName = "Anonymous:";
               is_within && line.starts_with(kName)) {
      return ByteCount{std::stoull(line.substr(kName.size())) << 10U};
    }
  }
  return {};
}

TEST(DeviceMemoryTest, ReadsZerosAndCostsNothingBeforeTheFirstWrite) {
  const DeviceMemory memory(16_GiB);
  std::array<std::byte, 64> bytes{std::byte{1}};
  ASSERT_TRUE(memory.read(16'000'000'000, bytes));
  EXPECT_THAT(bytes, Each(std::byte{0}));
  EXPECT_TRUE(memory.is_blank());
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

TEST(DeviceMemoryTest, CostsWhatIsWritten) {
  DeviceMemory memory(16_GiB);
  const auto written = pattern(4096);
  std::vector<std::byte> hole((32_MiB).value(), std::byte{1});
  ASSERT_TRUE(memory.write(5'000'000'000, written));
  ASSERT_TRUE(memory.read(5'000'004'096, hole));
  EXPECT_FALSE(memory.is_blank());
  const ByteCount cost = cost_of_mapping_of(memory.open(5'000'000'000, 1)->front());
  EXPECT_GT(cost, 0_B);
  EXPECT_LT(cost, 4_MiB);  // or a huge page
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

TEST(DeviceMemoryTest, ThreadsThatWriteFirstShareOnePiece) {
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

TEST(DeviceMemoryTest, RangesMayCrossPieces) {
  DeviceMemory memory(1_GiB);
  const auto written = pattern(300'000);
  constexpr std::uint64_t kEdge = (64_MiB).value();
  ASSERT_TRUE(memory.write(kEdge - 100'000, written));
  std::vector<std::byte> read(written.size());
  ASSERT_TRUE(memory.read(kEdge - 100'000, read));
  EXPECT_EQ(read, written);
  EXPECT_EQ(memory.open(kEdge - 100, 300)->size(), 100U);
  EXPECT_EQ(memory.look(kEdge - 100, 300)->size(), 100U);
}

TEST(DeviceMemoryTest, ItCanBeUsedWhereItLies) {
  DeviceMemory memory(1_GiB);
  EXPECT_THAT(*memory.look(4096, 100), Each(std::byte{0}));
  EXPECT_TRUE(memory.is_blank());
  memory.open(4096, 2)->back() = std::byte{9};
  EXPECT_THAT(*memory.look(4096, 3), ElementsAre(std::byte{0}, std::byte{9}, std::byte{0}));
  EXPECT_FALSE(memory.look((1_GiB).value(), 1));
  EXPECT_FALSE(memory.open((1_GiB).value(), 1));
  EXPECT_TRUE(memory.look((1_GiB).value(), 0)->empty());
  EXPECT_TRUE(memory.open((1_GiB).value(), 0)->empty());
  memory.retire();
  EXPECT_THAT(*memory.look(4096, 2), Each(std::byte{0}));
}

TEST(DeviceMemoryTest, AHostWithoutMemoryIsAnError) {
  DeviceMemory memory(1_GiB);
  std::array<std::byte, 1> byte{std::byte{5}};
  ASSERT_TRUE(memory.write(0, byte));
  {
    const FewAddresses limit;
    EXPECT_THAT(memory.write((512_MiB).value(), byte).error().message,
                HasSubstr("device memory: mmap: Cannot allocate memory"));
    EXPECT_TRUE(memory.write(4096, byte)) << "what is there stays";
  }
  EXPECT_TRUE(memory.write((512_MiB).value(), byte));
}

TEST(DeviceMemoryTest, TheLargestSizeWorks) {
  DeviceMemory memory(DeviceMemory::kMaxSize);
  const auto written = pattern(8);
  EXPECT_TRUE(memory.write(DeviceMemory::kMaxSize.value() - 8, written));
}

}  // namespace
}  // namespace mockdev::accel
