// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/completion.h"
#include "cli/testing.h"

namespace mockdev::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Reference, HelpListsVerbsForPeopleOnly) {
  const std::string help = run_program({"--help"}).out;
  for (const char* verb : {"  up  ", "  devices  ", "  completion  "}) {
    EXPECT_THAT(help, HasSubstr(verb));
  }
  EXPECT_THAT(help, Not(HasSubstr("relay")));
}

TEST(Reference, HelpOfAVerbShowsUsageOptionsAndExamples) {
  const Ran ran = run_program({"fault", "--help"});
  EXPECT_EQ(ran.exit, Exit::success);
  for (const char* part :
       {"Usage: mock-device fault [OPTIONS] DEVICE KIND [VALUE]\n", "\n  --lab NAME  ",
        "\n  -h, --help  ", "degraded (", "Examples:\n  mock-device fault mock0 degraded\n"}) {
    EXPECT_THAT(ran.out, HasSubstr(part));
  }
}

TEST(Reference, HelpFitsATerminalOf80Columns) {
  const Program program;
  for (const auto& command : program.commands()) {
    std::istringstream help(help_text(*command));
    for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 80U) << line;
  }
}

TEST(Reference, EveryOptionOfEveryVerbIsExplained) {
  const Program program;
  for (const auto& command : program.commands()) {
    const std::vector<std::string> words = {std::string(command->verb().name), "--"};
    std::istringstream options(completions(program, words));
    for (std::string line; std::getline(options, line);) {
      EXPECT_THAT(line, testing::EndsWith(".")) << command->verb().name;
    }
  }
}

TEST(Reference, ManualPageHasEveryVerb) {
  const std::string page = man_page(Program());
  EXPECT_THAT(page, HasSubstr(".TH MOCK\\-DEVICE 1"));
  EXPECT_THAT(page, HasSubstr(".SS \"mock\\-device exec [OPTIONS] [\\-\\-] [COMMAND...]\"\n"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-o, \\-\\-output\\fR \\fItable|json|yaml\\fR"));
  EXPECT_THAT(page, Not(HasSubstr("`")));
}

TEST(Reference, MarkdownHasEveryVerb) {
  const std::string text = markdown(Program());
  EXPECT_THAT(text, HasSubstr("#### devices\n"));
  EXPECT_THAT(text, HasSubstr("- `-o, --output table|json|yaml`: "));
  EXPECT_THAT(text, Not(HasSubstr("#### relay")));
}

}  // namespace
}  // namespace mockdev::cli
