// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_line.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::cli {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// What two steps, of which the second fails, write.
std::string written(bool live, Looks looks = {}, std::size_t columns = 80) {
  std::ostringstream out;
  std::ostringstream err;
  Console console{.out = out,
                  .err = err,
                  .out_looks = {},
                  .err_looks = looks,
                  .err_is_live = live,
                  .err_columns = columns};
  {
    const auto progress = make_progress(console);
    progress->started("guest image");
    progress->note("installing\x1b packages");
    progress->finished("cached", milliseconds{1240});
    progress->started("boot node0");
    progress->failed(milliseconds{300'000});
  }
  EXPECT_THAT(out.str(), IsEmpty());
  return err.str();
}

TEST(Progress, IsPlainLinesWhereNothingCanBeRedrawn) {
  EXPECT_EQ(written(false),
            "guest image: ...\n"
            "guest image: installing? packages\n"
            "guest image: cached (1.2 s)\n"
            "boot node0: ...\n"
            "boot node0: failed (300.0 s)\n");
}

TEST(Progress, LeavesOneLineAStepOnATerminal) {
  const std::string text = written(true);
  EXPECT_THAT(text, HasSubstr("\r\x1b[K+ guest image             1.2 s  cached\n"));
  EXPECT_THAT(text, EndsWith("\r\x1b[K! boot node0            300.0 s  \n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
}

TEST(Progress, ShowsNotesWhileAStepRuns) {
  EXPECT_THAT(written(true), HasSubstr("installing? packages"));
}

TEST(Progress, NeverWrapsALine) {
  EXPECT_THAT(written(true, {}, 40), Not(HasSubstr("packages")));
  EXPECT_THAT(written(true, {}, 1), Not(HasSubstr("cached")));
}

TEST(Progress, UsesWhatTheTerminalCanShow) {
  EXPECT_THAT(written(true, {.color = true, .unicode = true}), HasSubstr("\x1b[32m✓\x1b[0m"));
}

}  // namespace
}  // namespace mockdev::cli
