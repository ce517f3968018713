// SPDX-License-Identifier: Apache-2.0
#include "lab/file_lock.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace mockdev::lab {
namespace {

TEST(FileLock, IsHeldByOneAtATime) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "lock";
  EXPECT_FALSE(FileLock::is_taken(path));
  {
    const auto first = FileLock::try_take(path);
    ASSERT_TRUE(first && *first);
    const auto second = FileLock::try_take(path);
    ASSERT_TRUE(second);
    EXPECT_FALSE(*second);
    EXPECT_TRUE(FileLock::is_taken(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto third = FileLock::try_take(path);
  EXPECT_TRUE(third && *third);
}

TEST(FileLock, SaysWhereItCanNotBe) {
  const auto lock = FileLock::try_take("/no/such/folder/lock");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().message, "/no/such/folder/lock: No such file or directory");
}

}  // namespace
}  // namespace mockdev::lab
