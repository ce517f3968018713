// SPDX-License-Identifier: Apache-2.0
#include "base/guarded_copy.h"

#include <algorithm>
#include <csignal>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mapping.h"
#include "base/thread.h"
#include "base/unique_fd.h"

namespace mockdev {
namespace {

constexpr std::size_t kGuardedPages = std::size_t{4} << 12U;

/// A mapped file that has lost its second half.
class ShortenedFileTest : public testing::Test {
 protected:
  ShortenedFileTest() {
    const UniqueFd file(::memfd_create("shortened", MFD_CLOEXEC));
    EXPECT_EQ(::ftruncate(file.get(), kGuardedPages), 0);
    mapping_ = *Mapping::of_file(file.get(), 0, kGuardedPages, PROT_READ | PROT_WRITE);
    std::ranges::fill(mapping_.bytes(), std::byte{7});
    EXPECT_EQ(::ftruncate(file.get(), kGuardedPages / 2), 0);
  }

  [[nodiscard]] bool reads() { return guarded_copy(mapping_.bytes(), own_); }
  [[nodiscard]] bool writes() { return guarded_copy(own_, mapping_.bytes()); }

  Mapping mapping_;
  std::vector<std::byte> own_ = std::vector<std::byte>(kGuardedPages);
};

TEST_F(ShortenedFileTest, WhatIsThereIsCopied) {
  const auto half = std::span(own_).first(kGuardedPages / 2);
  EXPECT_TRUE(guarded_copy(mapping_.bytes().first(half.size()), half));
  EXPECT_EQ(std::ranges::count(half, std::byte{7}), kGuardedPages / 2);
}

TEST_F(ShortenedFileTest, WhatIsMissingIsAnAnswerAndNoSignal) {
  for (int again = 0; again < 3; ++again) {
    EXPECT_FALSE(reads());
    EXPECT_FALSE(writes());
  }
}

TEST_F(ShortenedFileTest, SoItIsInTheThreadsOfThisProgram) {
  bool copied = true;
  {
    const auto thread = Thread::start([&] { copied = reads() || writes(); });
    ASSERT_TRUE(thread);
  }
  EXPECT_FALSE(copied);
}

TEST_F(ShortenedFileTest, OutsideACopyTheSignalIsWhatItWas) {
  EXPECT_FALSE(reads());
  EXPECT_DEATH({ static_cast<volatile std::byte&>(mapping_.bytes().back()) = std::byte{1}; }, "");
}

}  // namespace
}  // namespace mockdev
