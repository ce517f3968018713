// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/testing.h"

namespace mockdev {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

Command shell(const std::string& script) {
  return {.argv = {"sh", "-c", script}};
}

TEST(ShellQuote, LeavesPlainWordsAlone) {
  EXPECT_EQ(shell_quote("-append"), "-append");
  EXPECT_EQ(shell_quote("a=b,c=/d/e.f"), "a=b,c=/d/e.f");
}

TEST(ShellQuote, KeepsEveryOtherWordTogether) {
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("two words"), "'two words'");
  EXPECT_EQ(shell_quote("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_quote("$(reboot)"), "'$(reboot)'");
}

TEST(CommandText, RunsTheSameInAShell) {
  const Command command{
      .argv = {"sh", "-c", "echo \"$GREETING\" in $(pwd)"},
      .environment = {{"GREETING", "it's me"}},
      .folder = "/usr",
  };
  EXPECT_EQ(run(command)->output, "it's me in /usr\n");
  EXPECT_EQ(run(shell(to_string(command)))->output, "it's me in /usr\n");
}

TEST(CommandText, SaysWhatIsRead) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "some words") << "a line\n";
  const Command command{.argv = {"cat"}, .folder = folder.path(), .input = "some words"};
  EXPECT_EQ(run(command)->output, "a line\n");
  EXPECT_EQ(run(shell(to_string(command)))->output, "a line\n");
  EXPECT_FALSE(run({.argv = {"cat"}, .input = folder.path() / "missing"}));
}

TEST(FindProgram, LooksIntoTheFoldersOfPath) {
  EXPECT_EQ(find_program("sh").filename(), "sh");
  EXPECT_TRUE(find_program("no-such-program-anywhere").empty());
  EXPECT_TRUE(find_program("/etc/passwd").empty());
}

TEST(Run, GivesExitCodeAndAllOutput) {
  const auto outcome = run(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 3);
  EXPECT_EQ(outcome->output, "out\nerr\n");
}

TEST(Run, KeepsErrorsApart) {
  const auto outcome = run(shell("echo out; echo err >&2"), {.errors_apart = true});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "out\n");
}

TEST(Run, CountsADeathBySignalAsShellsDo) {
  EXPECT_EQ(run(shell("kill -KILL $$"))->exit_code, 128 + SIGKILL);
}

TEST(Run, HandsOverLinesAsTheyCome) {
  std::vector<std::string> lines;
  const auto outcome = run(shell("echo one; echo two; printf three"),
                           {.on_line = [&](std::string_view line) { lines.emplace_back(line); }});
  ASSERT_TRUE(outcome);
  EXPECT_THAT(lines, ElementsAre("one", "two", "three"));
}

TEST(Run, AddsOutputToTheLog) {
  const TemporaryFolder folder;
  const auto log = folder.path() / "log";
  ASSERT_TRUE(run(shell("echo one"), {.log = log}));
  ASSERT_TRUE(run(shell("echo two"), {.log = log}));
  EXPECT_EQ(read_file(log, 1_KiB), "one\ntwo\n");
}

TEST(Run, DoesNotWaitForGrandchildrenThatKeepTheOutputOpen) {
  const auto outcome = run(shell("sleep 60 & echo $!"), {.timeout = seconds{30}});
  ASSERT_TRUE(outcome) << outcome.error().message;
  ::kill(std::stoi(outcome->output), SIGKILL);
}

TEST(Run, NamesAProgramThatIsNotThere) {
  const auto outcome = run({.argv = {"no-such-program-anywhere"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "no-such-program-anywhere: no such program");
}

TEST(Run, NamesAFolderThatIsNotThere) {
  EXPECT_FALSE(run({.argv = {"true"}, .folder = "/no/such/folder"}));
}

TEST(Run, StopsWhatTakesTooLong) {
  const auto outcome = run(shell("sleep 60"), {.timeout = milliseconds{50}});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("not done after"));
}

TEST(Run, IsEndedByAnInterrupt) {
  const Interrupt interrupt;
  // The signal reaches this process, not the program, which has a session of its own.
  const auto outcome = run(shell("kill -INT $PPID; sleep 60"), {.interrupt = &interrupt});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "interrupted");
  EXPECT_TRUE(interrupt.requested());
}

TEST(Run, IsEndedByAStop) {
  std::stop_source source;
  const auto outcome = run(
      shell("echo begun; sleep 60"),
      {.stop = source.get_token(), .on_line = [&](std::string_view) { source.request_stop(); }});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "interrupted");
  // One that was requested before.
  EXPECT_FALSE(run(shell("sleep 60"), {.stop = source.get_token()}));
}

TEST(Run, GivesTheProgramNoOpenFiles) {
  const UniqueFd leaked(::dup(STDERR_FILENO));
  const auto open = fmt::format("[ -e /proc/$$/fd/{} ] && echo open || echo closed", leaked.get());
  EXPECT_EQ(run(shell(open))->output, "closed\n");
}

TEST(RunChecked, TellsTheLastLineOfAFailure) {
  const auto output = run_checked(shell("echo first; echo last; exit 2"));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().message, "sh: exit code 2: last");
}

TEST(Start, LeavesAProgramRunningUntilItIsStopped) {
  const TemporaryFolder folder;
  const auto process = start(shell("echo hello; exec sleep 60"), folder.path() / "log");
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_TRUE(is_running(*process));
  EXPECT_FALSE(wait_for_end(*process, milliseconds{0}));
  EXPECT_TRUE(stop(*process, seconds{10}));
  EXPECT_FALSE(is_running(*process));
  EXPECT_TRUE(wait_for_end(*process, milliseconds{0}));
}

TEST(Start, KillsWhatDoesNotWantToEnd) {
  const TemporaryFolder folder;
  const auto process =
      start(shell("trap '' TERM; while :; do sleep 1; done"), folder.path() / "log");
  ASSERT_TRUE(process);
  EXPECT_TRUE(stop(*process, milliseconds{100}));
  EXPECT_FALSE(is_running(*process));
}

TEST(Start, RunsNothingThatCouldNotBeRecorded) {
  const TemporaryFolder folder;
  const auto trace = folder.path() / "trace";
  const auto process = start(shell("echo ran >" + trace.native()), folder.path() / "log",
                             [](const ProcessId&) -> Result<void> { return fail("disk full"); });
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().message, "disk full");
  EXPECT_FALSE(std::filesystem::exists(trace));
}

TEST(SendSignal, SparesAnotherProcessWithTheSamePid) {
  const TemporaryFolder folder;
  const auto process = start(shell("exec sleep 60"), folder.path() / "log");
  ASSERT_TRUE(process);
  const ProcessId earlier{.pid = process->pid, .start_time = process->start_time - 1};
  EXPECT_FALSE(is_running(earlier));
  EXPECT_EQ(send_signal(earlier, SIGKILL), false);
  EXPECT_TRUE(stop(earlier, seconds{1}));
  EXPECT_TRUE(is_running(*process));
  EXPECT_TRUE(stop(*process, seconds{10}));
}

}  // namespace
}  // namespace mockdev
