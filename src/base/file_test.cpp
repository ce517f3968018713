// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing.h"

namespace mockdev {
namespace {

using testing::HasSubstr;

class File : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "file";
};

TEST_F(File, IsReadAsItWasWritten) {
  ASSERT_TRUE(write_file(path_, "hello\n", 0600));
  EXPECT_EQ(read_file(path_, 1_KiB), "hello\n");
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(File, WriteReplacesAndLeavesNothingBehind) {
  ASSERT_TRUE(write_file(path_, "old"));
  ASSERT_TRUE(write_file(path_, "new"));
  EXPECT_EQ(read_file(path_, 1_KiB), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(File, OverTheLimitIsRefused) {
  ASSERT_TRUE(write_file(path_, std::string(1025, 'x')));
  EXPECT_THAT(read_file(path_, 1_KiB).error().message, HasSubstr("larger than the 1 KiB"));
}

TEST_F(File, OnlyRegularFilesAreRead) {
  EXPECT_THAT(read_file(folder_.path(), 1_KiB).error().message, HasSubstr("not a regular file"));
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(read_file(path_, 1_KiB).error().message, HasSubstr("not a regular file"));
}

TEST_F(File, KeepMakesItsFolderAndLeavesWhatIsThere) {
  const auto path = folder_.path() / "a" / "b";
  ASSERT_TRUE(keep_file(path, "same"));
  const auto longer_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(path, longer_ago);
  ASSERT_TRUE(keep_file(path, "same"));
  EXPECT_EQ(std::filesystem::last_write_time(path), longer_ago);
  ASSERT_TRUE(keep_file(path, "other"));
  EXPECT_EQ(read_file(path, 1_KiB), "other");
}

TEST_F(File, KeepWritesAnewWhatACrashHasCutShort) {
  ASSERT_TRUE(write_file(path_, ""));
  ASSERT_TRUE(keep_file(path_, "whole"));
  EXPECT_EQ(read_file(path_, 1_KiB), "whole");
}

TEST_F(File, LongerThanOneReadIsReadWhole) {
  const std::string content(100'000, 'x');
  ASSERT_TRUE(write_file(path_, content));
  EXPECT_EQ(read_file(path_, 1_MiB), content);
}

TEST_F(File, AFolderHasNames) {
  ASSERT_TRUE(write_file(path_, ""));
  EXPECT_THAT(*names_in(folder_.path()), testing::ElementsAre("file"));
  EXPECT_THAT(*names_in(folder_.path() / "none"), testing::IsEmpty());
  EXPECT_FALSE(names_in(path_));
}

TEST_F(File, ErrorsNameThePath) {
  EXPECT_EQ(read_file(path_, 1_KiB).error().message,
            path_.native() + ": No such file or directory");
  EXPECT_THAT(write_file(path_ / "below", "x").error().message, HasSubstr(path_.native()));
}

}  // namespace
}  // namespace mockdev
