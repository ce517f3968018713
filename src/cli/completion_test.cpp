// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string completed(const std::vector<std::string>& words) {
  return completions(Program(), words);
}

TEST(Completion, OffersVerbs) {
  EXPECT_EQ(completed({"dev"}), "devices\tLists accelerators\n");
  EXPECT_THAT(completed({""}), HasSubstr("up\t"));
  EXPECT_THAT(completed({""}), Not(HasSubstr("relay")));
  EXPECT_THAT(completed({"--ver"}), HasSubstr("--version\t"));
}

TEST(Completion, OffersOptionsOfTheVerb) {
  EXPECT_THAT(completed({"devices", "--"}), HasSubstr("--sysfs\t"));
  EXPECT_THAT(completed({"devices", "--"}), Not(HasSubstr("--memory")));
  EXPECT_THAT(completed({"up", "--mem"}), testing::StartsWith("--memory\t"));
}

TEST(Completion, OffersValues) {
  EXPECT_EQ(completed({"devices", "--output", ""}), "table\njson\nyaml\n");
  EXPECT_EQ(completed({"devices", "-o", "j"}), "json\n");
  EXPECT_EQ(completed({"devices", "--output=y"}), "--output=yaml\n");
  EXPECT_EQ(completed({"completion", ""}), "bash\nzsh\nfish\n");
}

TEST(Completion, OffersFaultKindsInTheirPlace) {
  EXPECT_THAT(completed({"fault", "mock0", ""}), HasSubstr("degraded\t"));
  EXPECT_THAT(completed({"fault", "--lab", "a", "mock0", "th"}), testing::StartsWith("thermal\t"));
  EXPECT_THAT(completed({"heal", "mock0", "d"}), testing::StartsWith("degraded\t"));
}

TEST(Completion, OffersFilesWhereOneIsMeant) {
  EXPECT_EQ(completed({"up", "--topology", "./"}), ":files\n");
  EXPECT_EQ(completed({"devices", "--sysfs", ""}), ":folders\n");
  EXPECT_EQ(completed({"devices", "--control=/r"}), ":files\n");
}

TEST(Completion, LeavesTheWordsOfAnotherProgramAlone) {
  EXPECT_EQ(completed({"exec", "--", "l"}), "");
  EXPECT_EQ(completed({"exec", "ls", "--"}), "");
}

TEST(Completion, HasNothingForWhatIsNoLine) {
  EXPECT_EQ(completed({}), "");
  EXPECT_EQ(completed({"dance", ""}), "");
  EXPECT_EQ(completed({"devices", "--dance", ""}), "");
  EXPECT_EQ(completed({"devices", "extra"}), "");
  EXPECT_EQ(completed({"up", "--memory", ""}), "");
  EXPECT_EQ(completed({"fault", "--control", "/nowhere", "mo"}), "");
}

TEST(Completion, ThereIsAScriptForEachShell) {
  for (const auto& [name, shell] : kShells) {
    EXPECT_THAT(std::string(completion_script(shell)), HasSubstr("mock-device")) << name;
  }
}

}  // namespace
}  // namespace mockdev::cli
