// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/dma_map.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/memfd.h>
#include <unistd.h>

#include "base/testing.h"
#include "vfio_user/testing.h"

namespace mockdev::vfio_user {
namespace {

using testing::Bytes;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kReadWrite;
using testing::memory_file;
using testing::sealed_memory_file;
using testing::text;

constexpr std::uint64_t kPage = 4096;

protocol::DmaMap map_request(std::uint64_t address, std::uint64_t size,
                             std::uint32_t flags = kReadWrite, std::uint64_t offset = 0) {
  return {.argsz = 32, .flags = flags, .offset = offset, .address = address, .size = size};
}

protocol::DmaUnmap unmap_request(std::uint64_t address, std::uint64_t size,
                                 std::uint32_t flags = 0) {
  return {.argsz = 24, .flags = flags, .address = address, .size = size};
}

int error_of(const Outcome& outcome) {
  return outcome ? 0 : outcome.error().error_number;
}

std::ptrdiff_t open_descriptors() {
  return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd"));
}

/// The protections of this process' mappings of sealed_memory_file()s.
std::vector<std::string> mappings_of_sealed_files() {
  std::vector<std::string> protections;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with("/memfd:sealed (deleted)")) continue;
    const auto protection = line.find(' ') + 1;
    protections.push_back(line.substr(protection, 4));
  }
  return protections;
}

/// Whether the kernel would have to take a huge page from nowhere.
bool has_no_huge_pages() {
  const auto number_in = [](const char* path) {
    std::uint64_t number = 0;
    std::ifstream(path) >> number;
    return number;
  };
  return number_in("/proc/sys/vm/nr_hugepages") == 0 &&
         number_in("/proc/sys/vm/nr_overcommit_hugepages") == 0;
}

class DmaMapTest : public ::testing::Test {
 protected:
  int add(const protocol::DmaMap& request, UniqueFd fd = {}) {
    return error_of(map_.add(request, std::move(fd)));
  }
  int remove(const protocol::DmaUnmap& request) { return error_of(map_.remove(request)); }

  /// That what is written to the map at `mapped` is in `file` from `start` on, and is read back.
  void expect_copies_reach(int file, std::uint64_t start, GuestAddress mapped) {
    constexpr std::uint64_t kInside = 0x10;
    const GuestAddress address{static_cast<std::uint64_t>(mapped) + kInside};
    ASSERT_EQ(map_.write(address, text("hello"))->bytes, 5U);
    std::array<char, 5> found{};
    ASSERT_EQ(::pread(file, found.data(), found.size(), static_cast<off_t>(start + kInside)), 5);
    EXPECT_EQ(std::string(found.data(), found.size()), "hello");
    Bytes back(5);
    ASSERT_EQ(map_.read(address, back)->bytes, 5U);
    EXPECT_EQ(back, text("hello"));
  }

  DmaMap map_;
};

TEST_F(DmaMapTest, CopiesReachTheFileBehindTheMap) {
  const UniqueFd file = memory_file(4 * kPage);
  ASSERT_EQ(add(map_request(0x10000, kPage, kReadWrite, 2 * kPage), UniqueFd(::dup(file.get()))),
            0);
  expect_copies_reach(file.get(), 2 * kPage, GuestAddress{0x10000});
}

TEST_F(DmaMapTest, ACopyEndsWithItsMap) {
  ASSERT_EQ(add(map_request(0, kPage), memory_file(kPage)), 0);
  ASSERT_EQ(add(map_request(kPage, kPage)), 0);
  Bytes buffer(2 * kPage);
  const auto first = map_.read(GuestAddress{16}, buffer);
  EXPECT_EQ(first->bytes, kPage - 16);
  EXPECT_FALSE(first->by_message);
  const auto second = map_.read(GuestAddress{kPage}, std::span(buffer).subspan(16));
  EXPECT_EQ(second->bytes, kPage);
  EXPECT_TRUE(second->by_message);
}

TEST_F(DmaMapTest, MemoryThatIsNotMappedOrNotAllowedIsRefused) {
  ASSERT_EQ(add(map_request(kPage, kPage, protocol::kDmaRead), memory_file(kPage)), 0);
  Bytes buffer(8);
  EXPECT_THAT(map_.read(GuestAddress{0}, buffer).error().message, HasSubstr("0x0 is not mapped"));
  EXPECT_THAT(map_.read(GuestAddress{2 * kPage}, buffer).error().message,
              HasSubstr("is not mapped"));
  EXPECT_THAT(map_.write(GuestAddress{kPage}, buffer).error().message,
              HasSubstr("may not be written"));
}

TEST_F(DmaMapTest, OverlapsAreRefused) {
  ASSERT_EQ(add(map_request(0x4000, 0x2000)), 0);
  EXPECT_EQ(add(map_request(0x4000, 0x2000)), EEXIST);
  EXPECT_EQ(add(map_request(0x3000, 0x1001)), EEXIST);
  EXPECT_EQ(add(map_request(0x5fff, 1)), EEXIST);
  EXPECT_EQ(add(map_request(0x0, 0x100000)), EEXIST);
  EXPECT_EQ(add(map_request(0x4800, 0x10)), EEXIST);
  EXPECT_EQ(add(map_request(0x3000, 0x1000)), 0);
  EXPECT_EQ(add(map_request(0x6000, 0x1000)), 0);
}

TEST_F(DmaMapTest, RangesThatWrapAroundOrAreEmptyAreRefused) {
  constexpr auto kLast = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(add(map_request(kLast, 2)), EINVAL);
  EXPECT_EQ(add(map_request(kPage, kLast)), EINVAL);
  EXPECT_EQ(add(map_request(kPage, 0)), EINVAL);
  EXPECT_EQ(add(map_request(kLast, 1)), 0);
  EXPECT_EQ(add(map_request(kLast - kPage, kPage)), 0);
}

TEST_F(DmaMapTest, OnlyKnownFlagsAreTaken) {
  EXPECT_EQ(add(map_request(0, 1, 0)), EINVAL);
  EXPECT_EQ(add(map_request(0, 1, 16 | kReadWrite)), EINVAL);
  EXPECT_EQ(add(map_request(0, 1, protocol::kDmaMmap)), EINVAL);
  EXPECT_EQ(add(map_request(0, 1, kReadWrite | protocol::kDmaMmap | protocol::kDmaFileIo)), 0);
  auto short_argsz = map_request(kPage, 1);
  short_argsz.argsz = 31;
  EXPECT_EQ(add(short_argsz), EINVAL);
}

TEST_F(DmaMapTest, MapsBeyondTheEndOfTheirFileAreRefused) {
  EXPECT_EQ(add(map_request(0, kPage, kReadWrite, 1), memory_file(kPage)), EINVAL);
  EXPECT_EQ(add(map_request(0, kPage, kReadWrite, ~std::uint64_t{0}), memory_file(kPage)), EINVAL);
}

TEST_F(DmaMapTest, AFileThatBecomesShorterIsAnErrorForItsCopies) {
  const UniqueFd file = memory_file(kPage);
  ASSERT_EQ(add(map_request(0, kPage), UniqueFd(::dup(file.get()))), 0);
  ASSERT_EQ(::ftruncate(file.get(), 0), 0);
  Bytes buffer(8);
  EXPECT_THAT(map_.read(GuestAddress{0}, buffer).error().message,
              HasSubstr("beyond the end of its file"));
}

TEST_F(DmaMapTest, DescriptorsMustAllowWhatTheMapPromises) {
  const UniqueFd file = memory_file(kPage);
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const auto opened = [&](int flags) { return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC)); };
  EXPECT_EQ(add(map_request(0, kPage), opened(O_RDONLY)), EACCES);
  EXPECT_EQ(add(map_request(0, kPage), opened(O_WRONLY)), EACCES);
  EXPECT_EQ(add(map_request(0, kPage), opened(O_RDWR | O_APPEND)), EACCES);
  EXPECT_EQ(add(map_request(0, kPage), opened(O_PATH)), EACCES);
  EXPECT_EQ(add(map_request(0, kPage, protocol::kDmaRead), opened(O_RDONLY)), 0);
}

TEST_F(DmaMapTest, DescriptorsThatAreNoFilesCountAsNone) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd other(ends[1]);
  ASSERT_EQ(add(map_request(0, kPage, protocol::kDmaRead), UniqueFd(ends[0])), 0);
  ASSERT_EQ(add(map_request(kPage, kPage), UniqueFd(::open("/dev/zero", O_RDWR | O_CLOEXEC))), 0);
  Bytes buffer(8);
  EXPECT_TRUE(map_.read(GuestAddress{0}, buffer)->by_message);
  EXPECT_TRUE(map_.write(GuestAddress{kPage}, buffer)->by_message);
}

TEST_F(DmaMapTest, OnlyExactMapsAreRemoved) {
  ASSERT_EQ(add(map_request(kPage, 2 * kPage)), 0);
  EXPECT_EQ(remove(unmap_request(kPage, kPage)), ENOENT);
  EXPECT_EQ(remove(unmap_request(2 * kPage, kPage)), ENOENT);
  EXPECT_EQ(remove(unmap_request(0, 4 * kPage)), ENOENT);
  EXPECT_EQ(remove(unmap_request(kPage, 2 * kPage, 1)), EINVAL);
  EXPECT_EQ(remove(unmap_request(kPage, 2 * kPage)), 0);
  EXPECT_EQ(map_.size(), 0U);
}

TEST_F(DmaMapTest, AllMapsAreRemovedAtOnceByEitherSpelling) {
  for (const std::uint32_t all : {protocol::kUnmapAll, protocol::kUnmapAllOfRust}) {
    ASSERT_EQ(add(map_request(kPage, kPage), memory_file(kPage)), 0);
    ASSERT_EQ(add(map_request(0, kPage)), 0);
    EXPECT_EQ(remove(unmap_request(kPage, kPage, all)), EINVAL);
    EXPECT_EQ(remove(unmap_request(0, 0, all)), 0);
    EXPECT_EQ(map_.size(), 0U);
  }
}

TEST_F(DmaMapTest, MapsOfOneFileShareOneDescriptor) {
  const UniqueFd file = memory_file(64 * kPage);
  const auto before = open_descriptors();
  for (std::uint64_t i = 0; i < 64; ++i) {
    ASSERT_EQ(
        add(map_request(i * kPage, kPage, kReadWrite, i * kPage), UniqueFd(::dup(file.get()))), 0);
  }
  EXPECT_EQ(open_descriptors(), before + 1);
  for (std::uint64_t i = 0; i < 64; ++i) ASSERT_EQ(remove(unmap_request(i * kPage, kPage)), 0);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(DmaMapTest, FilesAndMapsOfAClientAreLimited) {
  for (std::uint64_t i = 0; i < DmaMap::kMaxFiles; ++i) {
    ASSERT_EQ(add(map_request(i * kPage, kPage), memory_file(kPage)), 0);
  }
  EXPECT_EQ(add(map_request(DmaMap::kMaxFiles * kPage, kPage), memory_file(kPage)), ENOSPC);
  for (std::uint64_t i = DmaMap::kMaxFiles; i < protocol::kMaxDmaMaps; ++i) {
    ASSERT_EQ(add(map_request(i * kPage, kPage)), 0);
  }
  EXPECT_EQ(add(map_request(protocol::kMaxDmaMaps * kPage, kPage)), ENOSPC);
}

// --- Files that are sealed against shrinking
// ------------------------------------------------------

TEST_F(DmaMapTest, ASealedFileIsMapped) {
  const UniqueFd file = sealed_memory_file(4 * kPage);
  const auto descriptors = open_descriptors();
  ASSERT_EQ(add(map_request(0x10000, kPage, kReadWrite, 2 * kPage), UniqueFd(::dup(file.get()))),
            0);
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_THAT(mappings_of_sealed_files(), ElementsAre("rw-s"));
  expect_copies_reach(file.get(), 2 * kPage, GuestAddress{0x10000});
  ASSERT_EQ(remove(unmap_request(0x10000, kPage)), 0);
  EXPECT_THAT(mappings_of_sealed_files(), IsEmpty());
}

TEST_F(DmaMapTest, OnlyTheSealAgainstShrinkingMakesAFileMapped) {
  ASSERT_EQ(add(map_request(0, kPage), sealed_memory_file(kPage, 0, F_SEAL_GROW | F_SEAL_SEAL)), 0);
  ASSERT_EQ(add(map_request(kPage, kPage), sealed_memory_file(kPage, 0, 0)), 0);
  EXPECT_THAT(mappings_of_sealed_files(), IsEmpty());
  Bytes buffer(2 * kPage);
  EXPECT_FALSE(map_.read(GuestAddress{0}, buffer)->by_message);
}

TEST_F(DmaMapTest, AMappingAllowsWhatTheMapDoes) {
  const UniqueFd file = sealed_memory_file(2 * kPage);
  ASSERT_EQ(add(map_request(0, kPage, protocol::kDmaRead), UniqueFd(::dup(file.get()))), 0);
  EXPECT_THAT(mappings_of_sealed_files(), ElementsAre("r--s"));
  Bytes buffer(8);
  EXPECT_TRUE(map_.read(GuestAddress{0}, buffer));
  EXPECT_THAT(map_.write(GuestAddress{0}, buffer).error().message, HasSubstr("may not be written"));
}

TEST_F(DmaMapTest, MappedMemoryIsCopiedAtOnce) {
  ASSERT_EQ(add(map_request(0, 2 * kPage), sealed_memory_file(2 * kPage)), 0);
  ASSERT_EQ(add(map_request(0x10000, kPage), sealed_memory_file(kPage)), 0);
  ASSERT_TRUE(map_.write(GuestAddress{8}, text("hello")));
  EXPECT_EQ(map_.copy(GuestAddress{8}, GuestAddress{0x10000 + kPage - 5}, 5), 5U);
  Bytes back(5);
  ASSERT_TRUE(map_.read(GuestAddress{0x10000 + kPage - 5}, back));
  EXPECT_EQ(back, text("hello"));
  EXPECT_EQ(map_.copy(GuestAddress{0}, GuestAddress{0x10000}, 2 * kPage), kPage) << "its map's end";
  EXPECT_EQ(map_.copy(GuestAddress{0}, GuestAddress{kPage}, kPage), kPage);
  EXPECT_EQ(map_.copy(GuestAddress{0}, GuestAddress{kPage - 1}, kPage), 0U) << "they overlap";
  EXPECT_EQ(map_.copy(GuestAddress{kPage - 1}, GuestAddress{0}, kPage), 0U) << "they overlap";
}

TEST_F(DmaMapTest, OtherMemoryIsNotCopiedAtOnce) {
  ASSERT_EQ(add(map_request(0, kPage), sealed_memory_file(kPage)), 0);
  ASSERT_EQ(add(map_request(kPage, kPage), memory_file(kPage)), 0);
  ASSERT_EQ(add(map_request(2 * kPage, kPage)), 0);
  ASSERT_EQ(add(map_request(3 * kPage, kPage, protocol::kDmaRead), sealed_memory_file(kPage)), 0);
  ASSERT_EQ(add(map_request(4 * kPage, kPage, protocol::kDmaWrite), sealed_memory_file(kPage)), 0);
  const auto copied = [this](std::uint64_t from, std::uint64_t to) {
    return map_.copy(GuestAddress{from * kPage}, GuestAddress{to * kPage}, 8);
  };
  EXPECT_EQ(copied(0, 1), 0U);
  EXPECT_EQ(copied(1, 0), 0U);
  EXPECT_EQ(copied(0, 2), 0U);
  EXPECT_EQ(copied(3, 0), 8U);
  EXPECT_EQ(copied(0, 3).error().message, "client memory at 0x3000 may not be written");
  EXPECT_EQ(copied(4, 0).error().message, "client memory at 0x4000 may not be read");
  EXPECT_EQ(copied(0, 9).error().message, "client memory at 0x9000 is not mapped");
}

TEST_F(DmaMapTest, ASealedFileMustBeLongEnough) {
  EXPECT_EQ(add(map_request(0, kPage + 1), sealed_memory_file(kPage)), EINVAL);
  EXPECT_EQ(add(map_request(0, kPage, kReadWrite, 1), sealed_memory_file(kPage)), EINVAL);
  EXPECT_THAT(mappings_of_sealed_files(), IsEmpty());
}

TEST_F(DmaMapTest, ASealedFilesHolesAreZerosAndCanBeWrittenTo) {
  ASSERT_EQ(add(map_request(7, 2 * kPage, kReadWrite, 99), sealed_memory_file(4 * kPage)), 0);
  Bytes buffer(2 * kPage, std::byte{1});
  ASSERT_EQ(map_.read(GuestAddress{7}, buffer)->bytes, buffer.size());
  EXPECT_THAT(buffer, Each(std::byte{0}));
  ASSERT_EQ(map_.write(GuestAddress{7}, Bytes(2 * kPage, std::byte{3}))->bytes, buffer.size());
  ASSERT_EQ(map_.read(GuestAddress{7}, buffer)->bytes, buffer.size());
  EXPECT_THAT(buffer, Each(std::byte{3}));
}

TEST_F(DmaMapTest, AHostWithoutMemoryForASealedFileIsAnErrorOfTheCopy) {
  if (!has_no_huge_pages()) GTEST_SKIP() << "huge pages are the memory that no host here has";
  constexpr std::uint64_t kHuge = std::uint64_t{2} << 20U;
  ASSERT_EQ(add(map_request(0, kHuge), sealed_memory_file(kHuge, MFD_HUGETLB | MFD_HUGE_2MB)), 0);
  ASSERT_EQ(add(map_request(kHuge, kPage), sealed_memory_file(kPage)), 0);
  EXPECT_EQ(mappings_of_sealed_files().size(), 2U);
  Bytes buffer(8);
  EXPECT_THAT(map_.read(GuestAddress{kPage}, buffer).error().message,
              HasSubstr("0x1000: the host has none"));
  EXPECT_FALSE(map_.write(GuestAddress{kPage}, buffer));
  EXPECT_TRUE(map_.write(GuestAddress{kHuge}, buffer)) << "and of no other";
  EXPECT_EQ(remove(unmap_request(0, kHuge)), 0);
  EXPECT_EQ(mappings_of_sealed_files().size(), 1U);
}

TEST_F(DmaMapTest, WhatAClientMayHaveMappedIsLimited) {
  const UniqueFd file = sealed_memory_file(2 * DmaMap::kMaxMappedBytes);
  const auto add_map = [&](std::uint64_t address, std::uint64_t size) {
    return add(map_request(address, size), UniqueFd(::dup(file.get())));
  };
  constexpr std::uint64_t kFar = std::uint64_t{1} << 50U;
  ASSERT_EQ(add_map(0, kPage), 0);
  ASSERT_EQ(add_map(kFar, DmaMap::kMaxMappedBytes), 0);
  EXPECT_EQ(mappings_of_sealed_files().size(), 1U) << "the second is too large";
  EXPECT_FALSE(map_.write(GuestAddress{kFar}, text("by file"))->by_message);
  for (std::uint64_t i = 1; i < DmaMap::kMaxMappings + 10; ++i) {
    ASSERT_EQ(add_map(2 * i * kPage, kPage), 0);
  }
  EXPECT_EQ(mappings_of_sealed_files().size(), DmaMap::kMaxMappings);
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_EQ(remove(unmap_request(2 * i * kPage, kPage)), 0);
  ASSERT_EQ(add_map(0, kPage), 0);
  EXPECT_EQ(mappings_of_sealed_files().size(), DmaMap::kMaxMappings - 9);
}

/// Threads that copy from and to one map without a pause, whatever becomes of it.
class BusyDmaMapTest : public DmaMapTest {
 protected:
  static constexpr std::uint64_t kSize = std::uint64_t{1} << 20U;

  [[nodiscard]] int add_file() { return add(map_request(0, kSize), UniqueFd(::dup(file_.get()))); }
  [[nodiscard]] bool copies_work() const {
    Bytes byte(1);
    return map_.read(GuestAddress{0}, byte).has_value();
  }

  void start(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
      // Each writes where no other does: what else would be a race, as between a guest's own CPUs.
      threads_.emplace_back([this, own = kSize - (i + 1) * kPage](const std::stop_token& stop) {
        Bytes buffer(kSize / 2);
        while (!stop.stop_requested()) {
          std::ignore = map_.read(GuestAddress{0}, buffer);
          std::ignore = map_.write(GuestAddress{own}, std::span(buffer).first(kPage));
          ++rounds_;
        }
      });
    }
  }

  UniqueFd file_ = sealed_memory_file(kSize);
  std::atomic<unsigned> rounds_ = 0;
  std::vector<std::jthread> threads_;
};

TEST_F(BusyDmaMapTest, NoCopyUsesMemoryThatWasUnmapped) {
  ASSERT_EQ(add_file(), 0);
  start(1);
  for (int i = 0; i < 200; ++i) {
    // On return the range is not mapped any more: a copy in it would end the test.
    ASSERT_EQ(remove(unmap_request(0, kSize)), 0);
    ASSERT_THAT(mappings_of_sealed_files(), IsEmpty());
    ASSERT_EQ(add_file(), 0);
    ASSERT_TRUE(copies_work());
  }
}

TEST_F(BusyDmaMapTest, AnUnmapGetsItsTurnAmongManyCopies) {
  ASSERT_EQ(add_file(), 0);
  start(4);
  ASSERT_TRUE(eventually([&] { return rounds_ > 10; }));
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(remove(unmap_request(0, kSize)), 0);
    ASSERT_EQ(add_file(), 0);
  }
}

}  // namespace
}  // namespace mockdev::vfio_user
