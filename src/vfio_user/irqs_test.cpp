// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/irqs.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio_user/testing.h"

namespace mockdev::vfio_user {
namespace {

using testing::Bytes;
using testing::join;

constexpr std::uint32_t kAssign = protocol::kIrqDataEventfd | protocol::kIrqActionTrigger;
constexpr std::uint32_t kFire = protocol::kIrqDataNone | protocol::kIrqActionTrigger;
constexpr std::uint32_t kFireChosen = protocol::kIrqDataBool | protocol::kIrqActionTrigger;
constexpr std::uint32_t kMask = protocol::kIrqDataNone | protocol::kIrqActionMask;
constexpr std::uint32_t kUnmask = protocol::kIrqDataNone | protocol::kIrqActionUnmask;

constexpr std::uint32_t kMaskable = 0;
constexpr std::uint32_t kVectors = 1;

UniqueFd eventfd(int flags = EFD_NONBLOCK) {
  return UniqueFd(::eventfd(0, EFD_CLOEXEC | flags));
}

/// How often an eventfd was signalled since it was last asked.
std::uint64_t signals(const UniqueFd& fd) {
  std::uint64_t count = 0;
  return ::read(fd.get(), &count, sizeof(count)) == sizeof(count) ? count : 0;
}

class IrqsTest : public ::testing::Test {
 protected:
  static constexpr std::array<IrqIndex, 2> kIndexes{{{2, true}, {4, false}}};

  /// The error number; 0: done.
  int set(std::uint32_t flags, std::uint32_t index, std::uint32_t start, std::uint32_t count,
          std::vector<UniqueFd> fds = {}, const Bytes& booleans = {}) {
    const protocol::SetIrqs request{
        .argsz = 20, .flags = flags, .index = index, .start = start, .count = count};
    const Outcome outcome = irqs_.set(join(request, booleans), fds);
    return outcome ? 0 : outcome.error().error_number;
  }

  /// Gives vectors from `start` new eventfds and returns the client's copies.
  std::vector<UniqueFd> assign(std::uint32_t index, std::uint32_t start, std::uint32_t count) {
    std::vector<UniqueFd> mine;
    std::vector<UniqueFd> theirs;
    for (std::uint32_t i = 0; i < count; ++i) {
      mine.push_back(eventfd());
      theirs.emplace_back(::dup(mine.back().get()));
    }
    EXPECT_EQ(set(kAssign, index, start, count, std::move(theirs)), 0);
    return mine;
  }

  Irqs irqs_{kIndexes};
};

TEST_F(IrqsTest, AssignedVectorsAreSignalled) {
  const auto fds = assign(kVectors, 1, 2);
  for (std::uint32_t vector = 0; vector < 4; ++vector) irqs_.trigger(kVectors, vector);
  irqs_.trigger(kVectors, 2);
  EXPECT_EQ(signals(fds[0]), 1U);
  EXPECT_EQ(signals(fds[1]), 2U);
}

TEST_F(IrqsTest, TriggeringWhatDoesNotExistDoesNothing) {
  irqs_.trigger(kVectors, 0);
  irqs_.trigger(kVectors, 99);
  irqs_.trigger(99, 0);
}

TEST_F(IrqsTest, VectorsInTheMiddleAreTakenAway) {
  const auto fds = assign(kVectors, 0, 4);
  ASSERT_EQ(set(kAssign, kVectors, 1, 2), 0);
  for (std::uint32_t vector = 0; vector < 4; ++vector) irqs_.trigger(kVectors, vector);
  EXPECT_EQ(signals(fds[0]), 1U);
  EXPECT_EQ(signals(fds[1]), 0U);
  EXPECT_EQ(signals(fds[2]), 0U);
  EXPECT_EQ(signals(fds[3]), 1U);
}

TEST_F(IrqsTest, VectorsMayBeTakenAwayBeforeAnyWasAssigned) {
  EXPECT_EQ(set(kAssign, kVectors, 0, 1), 0);
}

TEST_F(IrqsTest, IndexesDoNotShareVectors) {
  const auto first = assign(kMaskable, 0, 1);
  const auto second = assign(kVectors, 0, 1);
  ASSERT_EQ(set(kFire, kVectors, 0, 0), 0);
  irqs_.trigger(kMaskable, 0);
  irqs_.trigger(kVectors, 0);
  EXPECT_EQ(signals(first[0]), 1U);
  EXPECT_EQ(signals(second[0]), 0U);
}

TEST_F(IrqsTest, TheClientFiresVectorsItself) {
  const auto fds = assign(kVectors, 0, 3);
  ASSERT_EQ(set(kFire, kVectors, 1, 2), 0);
  EXPECT_EQ(signals(fds[0]), 0U);
  EXPECT_EQ(signals(fds[1]), 1U);
  EXPECT_EQ(signals(fds[2]), 1U);
  ASSERT_EQ(set(kFireChosen, kVectors, 0, 3, {}, {std::byte{1}, std::byte{0}, std::byte{7}}), 0);
  EXPECT_EQ(signals(fds[0]), 1U);
  EXPECT_EQ(signals(fds[1]), 0U);
  EXPECT_EQ(signals(fds[2]), 1U);
}

TEST_F(IrqsTest, AMaskedVectorFiresWhenItIsUnmasked) {
  const auto fds = assign(kMaskable, 0, 1);
  ASSERT_EQ(set(kMask, kMaskable, 0, 1), 0);
  irqs_.trigger(kMaskable, 0);
  EXPECT_EQ(signals(fds[0]), 0U);
  ASSERT_EQ(set(kUnmask, kMaskable, 0, 1), 0);
  EXPECT_EQ(signals(fds[0]), 1U);
  ASSERT_EQ(set(kUnmask, kMaskable, 0, 1), 0);
  EXPECT_EQ(signals(fds[0]), 0U);
}

TEST_F(IrqsTest, OnlyMaskableIndexesAreMasked) {
  EXPECT_EQ(set(kMask, kVectors, 0, 1), EINVAL);
  EXPECT_EQ(set(kUnmask, kVectors, 0, 1), EINVAL);
}

TEST_F(IrqsTest, FlagsAreOneKindOfDataAndOneAction) {
  for (const std::uint32_t flags :
       {0U, 1U, 32U, 3U | 32U, 1U | 8U | 32U, 4U | 8U, 4U | 16U, 64U | 33U, 0xffffffffU}) {
    EXPECT_EQ(set(flags, kMaskable, 0, 1), EINVAL) << flags;
  }
}

TEST_F(IrqsTest, RangesOutsideAnIndexAreRefused) {
  constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(set(kFire, kVectors, 4, 1), EINVAL);
  EXPECT_EQ(set(kFire, kVectors, 0, 5), EINVAL);
  EXPECT_EQ(set(kFire, kVectors, 1, kMost), EINVAL);
  EXPECT_EQ(set(kFire, kVectors, kMost, kMost), EINVAL);
  EXPECT_EQ(set(kFire, kVectors, 1, 0), EINVAL);
  EXPECT_EQ(set(kAssign, kVectors, 0, 0), EINVAL);
  EXPECT_EQ(set(kFire, 2, 0, 0), EINVAL);
}

TEST_F(IrqsTest, DataMustFitTheCount) {
  EXPECT_EQ(set(kFireChosen, kVectors, 0, 3, {}, Bytes(2)), EINVAL);
  std::vector<UniqueFd> two;
  two.push_back(eventfd());
  two.push_back(eventfd());
  EXPECT_EQ(set(kAssign, kVectors, 0, 3, std::move(two)), EINVAL);
  std::vector<UniqueFd> one;
  one.push_back(eventfd());
  EXPECT_EQ(set(kFire, kVectors, 0, 1, std::move(one)), EINVAL);
}

TEST_F(IrqsTest, ARefusedRequestChangesNothing) {
  const auto fds = assign(kVectors, 0, 2);
  std::vector<UniqueFd> good_and_bad;
  good_and_bad.push_back(eventfd());
  good_and_bad.push_back(testing::memory_file(8));
  ASSERT_EQ(set(kAssign, kVectors, 0, 2, std::move(good_and_bad)), EINVAL);
  irqs_.trigger(kVectors, 0);
  EXPECT_EQ(signals(fds[0]), 1U);
}

TEST_F(IrqsTest, AnEventfdThatIsFullBlocksNobody) {
  const UniqueFd mine = eventfd(0);
  const std::uint64_t full = std::numeric_limits<std::uint64_t>::max() - 1;
  ASSERT_EQ(::write(mine.get(), &full, sizeof(full)), 8);
  std::vector<UniqueFd> theirs;
  theirs.emplace_back(::dup(mine.get()));
  ASSERT_EQ(set(kAssign, kVectors, 0, 1, std::move(theirs)), 0);
  irqs_.trigger(kVectors, 0);
  EXPECT_EQ(::fcntl(mine.get(), F_GETFL) & O_NONBLOCK, 0) << "the client's mode is left alone";
}

}  // namespace
}  // namespace mockdev::vfio_user
