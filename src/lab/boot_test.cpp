// SPDX-License-Identifier: Apache-2.0
#include "lab/boot.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "lab/last_words.h"

namespace mockdev::lab {
namespace {

TEST(GuestReport, CountsPhysicalFunctions) {
  EXPECT_EQ(
      parse_report("device mock0\r\ndevice mock0_vf1\r\ndevice mock1\r\npayload\r\nready\r\n"),
      (GuestReport{.ready = true, .payload = true, .devices = 2}));
}

TEST(GuestReport, MayNotBeCompleteYet) {
  EXPECT_EQ(parse_report(""), GuestReport{});
  EXPECT_EQ(parse_report("device mock0\r\nrea"), (GuestReport{.devices = 1}));
}

TEST(GuestReport, TellsWhenThePayloadFailed) {
  EXPECT_EQ(parse_report("ready\r\n"), (GuestReport{.ready = true}));
}

TEST(LastWords, AreTheEndOfALogOnOneLine) {
  const TemporaryFolder folder;
  const auto log = folder.path() / "log";
  EXPECT_EQ(last_words(log), "(it said nothing)");
  ASSERT_TRUE(write_file(log, "0\n1\n2\n3\r\n\n4\n\x1b[5m\n"));
  EXPECT_EQ(last_words(log), "1 / 2 / 3 / 4 / [5m");
}

}  // namespace
}  // namespace mockdev::lab
