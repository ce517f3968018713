// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace mockdev {
namespace {

constexpr std::size_t kMappedFile = 16384;

UniqueFd file_of_letters() {
  UniqueFd fd(::memfd_create("letters", MFD_CLOEXEC));
  std::array<char, kMappedFile> letters{};
  for (std::size_t i = 0; i < letters.size(); ++i) {
    letters.at(i) = static_cast<char>('a' + i / 1000);
  }
  EXPECT_EQ(::write(fd.get(), letters.data(), letters.size()), kMappedFile);
  return fd;
}

bool is_mapped(const void* page) {
  unsigned char resident = 0;
  return ::mincore(const_cast<void*>(page), 1, &resident) == 0;  // NOLINT(*-const-cast)
}

TEST(MappingTest, ZerosCanBeWrittenTo) {
  const auto mapping = Mapping::of_zeros(kMappedFile);
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->bytes().size(), kMappedFile);
  EXPECT_THAT(mapping->bytes(), testing::Each(std::byte{0}));
  mapping->bytes()[5000] = std::byte{1};
  EXPECT_EQ(mapping->bytes()[5000], std::byte{1});
}

TEST(MappingTest, AnyRangeOfAFileIsSharedWithIt) {
  const UniqueFd file = file_of_letters();
  const auto mapping = Mapping::of_file(file.get(), 4998, 5, PROT_READ | PROT_WRITE);
  ASSERT_TRUE(mapping);
  const auto* const text = reinterpret_cast<const char*>(mapping->bytes().data());
  EXPECT_EQ(std::string_view(text, mapping->bytes().size()), "eefff");
  mapping->bytes().front() = std::byte{'X'};
  char now = 0;
  ASSERT_EQ(::pread(file.get(), &now, 1, 4998), 1);
  EXPECT_EQ(now, 'X');
}

TEST(MappingTest, OutlivesTheDescriptor) {
  UniqueFd file = file_of_letters();
  const auto mapping = Mapping::of_file(file.get(), 0, 1, PROT_READ);
  file.reset();
  EXPECT_EQ(mapping->bytes().front(), std::byte{'a'});
}

TEST(MappingTest, IsRemovedWithItsLastOwner) {
  const void* page = nullptr;
  {
    Mapping first = *Mapping::of_zeros(kMappedFile);
    page = first.bytes().data();
    Mapping second(std::move(first));
    first = std::move(second);
    EXPECT_TRUE(is_mapped(page));
    EXPECT_TRUE(first);
  }
  EXPECT_FALSE(is_mapped(page));
}

TEST(MappingTest, AnotherOneTakesItsPlace) {
  Mapping mapping = *Mapping::of_zeros(kMappedFile);
  const void* const page = mapping.bytes().data();
  mapping = *Mapping::of_zeros(kMappedFile);
  EXPECT_FALSE(is_mapped(page));
  EXPECT_TRUE(is_mapped(mapping.bytes().data()));
}

TEST(MappingTest, WhatCantBeMappedIsAnError) {
  const UniqueFd file = file_of_letters();
  EXPECT_FALSE(Mapping::of_file(-1, 0, 1, PROT_READ));
  EXPECT_FALSE(Mapping::of_file(file.get(), 0, std::size_t{1} << 62U, PROT_READ));
  EXPECT_FALSE(Mapping::of_zeros(std::size_t{1} << 62U));
}

}  // namespace
}  // namespace mockdev
