// SPDX-License-Identifier: Apache-2.0
#include "lab/debian_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/mirror.h"
#include "lab/qemu_tree.h"
#include "lab/testing.h"

namespace mockdev::lab {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Eq;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

TEST(Packages, AreOneALineWithComments) {
  EXPECT_THAT(parse_packages("# all of them\n\nsystemd # boots\n  udev\n"),
              ElementsAre("systemd", "udev"));
}

TEST(Mmdebstrap, TakesBackportsOnlyWhenAsked) {
  const auto plain = mmdebstrap({.packages = {"a", "b"}}, "http://mirror/debian", "/tree");
  EXPECT_THAT(plain, IsSupersetOf({"--variant=essential", "--include=a,b", "trixie", "/tree",
                                   "deb http://mirror/debian trixie main"}));
  const auto newer = mmdebstrap({.packages = {"a"}, .only_unpacked = true, .backports = true},
                                "http://mirror/debian", "/tree");
  EXPECT_THAT(
      newer, IsSupersetOf({"--variant=extract", "deb http://mirror/debian trixie-backports main"}));
  EXPECT_THAT(plain, Not(Contains("deb http://mirror/debian trixie-backports main")));
}

TEST(Mmdebstrap, TakesAKernelFromAnotherSuiteOnlyWhenAsked) {
  EXPECT_THAT(mmdebstrap({.packages = {"linux-image-amd64"}, .kernel_from = "bookworm"},
                         "http://mirror/debian", "/tree"),
              IsSupersetOf<testing::Matcher<std::string>>(
                  {HasSubstr("Pin: release n=bookworm"), Eq("deb http://mirror/debian trixie main"),
                   Eq("deb http://mirror/debian bookworm main")}));
  EXPECT_THAT(mmdebstrap({.packages = {"linux-image-amd64"}}, "http://mirror/debian", "/tree"),
              Each(Not(StartsWith("--setup-hook"))));
}

TEST(Mmdebstrap, TakesOtherArchitecturesOnlyWhenAsked) {
  EXPECT_THAT(mmdebstrap({.packages = {"a:arm64"}, .architectures = {"amd64", "arm64"}},
                         "http://mirror/debian", "/tree"),
              Contains("--architectures=amd64,arm64"));
  EXPECT_THAT(mmdebstrap({.packages = {"a"}}, "http://mirror/debian", "/tree"),
              Each(Not(StartsWith("--architectures"))));
}

TEST(Mirror, IsThatOfTheArchiveProper) {
  EXPECT_EQ(pick_mirror("http://vendor/apt Vendor stable\n"
                        "http://mirror/debian-security Debian-Security bookworm-security\n"
                        "http://mirror/debian Debian bookworm\n"
                        "http://other/debian Debian bookworm\n"),
            "http://mirror/debian");
  EXPECT_EQ(pick_mirror(""), "");
}

TEST(Mirror, IsTheOneThatTheUserNamed) {
  const ScopedVariable named("MOCK_DEVICE_MIRROR", "http://named/debian");
  EXPECT_EQ(debian_mirror().value(), "http://named/debian");
}

TEST(QemuVersion, IsReadFromWhatQemuSays) {
  EXPECT_EQ(parse_qemu_version("QEMU emulator version 11.1.3 (Debian 1:11.1.3)\nCopyright"),
            (QemuVersion{.major = 11, .minor = 1}));
  EXPECT_EQ(parse_qemu_version("QEMU emulator version 7.2"), (QemuVersion{.major = 7, .minor = 2}));
  EXPECT_EQ(parse_qemu_version("nonsense"), (QemuVersion{.major = 0, .minor = 0}));
  EXPECT_LT((QemuVersion{.major = 7, .minor = 20}), kOldestQemu);
  EXPECT_GT((QemuVersion{.major = 11, .minor = 0}), kOldestQemu);
}

}  // namespace
}  // namespace mockdev::lab
