// SPDX-License-Identifier: Apache-2.0
#include "doctor/version.h"

#include <gtest/gtest.h>

namespace mockdev::doctor {
namespace {

Version version_in(std::string_view text) {
  return find_version(text).value_or(Version{});
}

TEST(Version, IsFoundInWhatProgramsSay) {
  EXPECT_EQ(version_in("containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6"),
            (Version{1, 7, 24}));
  EXPECT_EQ(version_in("runc version 1.1.15+ds1"), (Version{1, 1, 15}));
  EXPECT_EQ(version_in("containerd://1.7.24"), (Version{1, 7, 24}));
  EXPECT_EQ(version_in("6.12.117+deb13-amd64"), (Version{6, 12, 117}));
  EXPECT_EQ(version_in("v1.36.3-vendor.4"), (Version{1, 36, 3}));
}

TEST(Version, HasPartsThatAreMissing) {
  EXPECT_EQ(version_in("12"), (Version{12, 0, 0}));
  EXPECT_EQ(version_in("1.31"), (Version{1, 31, 0}));
  EXPECT_EQ(version_in("7.0-rc3"), (Version{7, 0, 0}));
}

TEST(Version, IsNotAPartOfAWord) {
  EXPECT_FALSE(find_version("x86 sha256"));
  EXPECT_FALSE(find_version(""));
  EXPECT_FALSE(find_version("99999999999999999999.1"));
}

TEST(Version, IsNewerByItsMinorPart) {
  EXPECT_FALSE(is_newer_minor({6, 12, 117}, {6, 12, 0}));
  EXPECT_TRUE(is_newer_minor({6, 13, 0}, {6, 12, 9}));
  EXPECT_TRUE(is_newer_minor({7, 0, 0}, {6, 12, 0}));
}

}  // namespace
}  // namespace mockdev::doctor
