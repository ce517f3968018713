// SPDX-License-Identifier: Apache-2.0
#include "lab/cache.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "lab/file_lock.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Recorder final : public Progress {
 public:
  void started(std::string_view /*step*/) override {}
  void note(std::string_view text) override { notes.emplace_back(text); }
  void finished(std::string_view /*outcome*/, std::chrono::milliseconds /*elapsed*/) override {}
  void failed(std::chrono::milliseconds /*elapsed*/) override {}

  std::vector<std::string> notes;
};

class CacheTest : public testing::Test {
 protected:
  [[nodiscard]] static Recipe recipe(const std::string& script) {
    return {
        .name = "thing", .key = "1", .steps = [script](const fs::path& folder) {
          return std::vector<RecipeStep>{
              {.note = "the thing", .command = {.argv = {"sh", "-c", script}, .folder = folder}}};
        }};
  }

  [[nodiscard]] Result<fs::path> ensure(const std::string& script) {
    return cache.ensure(recipe(script), work);
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      found.push_back(entry.path().filename());
    }
    std::ranges::sort(found);
    return found;
  }

  TemporaryFolder folder;
  Cache cache{folder.path()};
  Recorder progress;
  Interrupt interrupt;
  Builder builder{Builder::plain()};
  Work work{.builder = builder, .interrupt = interrupt, .progress = progress};
};

TEST_F(CacheTest, MakesAFolderOnce) {
  const auto made = ensure("echo first >file");
  ASSERT_TRUE(made) << made.error().message;
  const auto again = ensure("echo second >file");
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *made);
  EXPECT_EQ(read_file(*made / "file", 1_KiB).value_or("unreadable"), "first\n");
}

TEST_F(CacheTest, LeavesNothingButTheLogOfAFailure) {
  const auto made = ensure("echo half >file; echo 'E: no such mirror'; echo later; exit 1");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("the thing: no such mirror (all of it: "));
  EXPECT_THAT(names(), ElementsAre("thing-1.log"));
}

TEST_F(CacheTest, StartsAnewAfterARunThatWasKilled) {
  fs::create_directory(folder.path() / "thing-1.tmp");
  ASSERT_TRUE(write_file(folder.path() / "thing-1.tmp/half", ""));
  const auto made = ensure("ls >file");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(read_file(*made / "file", 1_KiB).value_or("unreadable"), "file\n");
}

TEST_F(CacheTest, TellsWhatItIsDoing) {
  ASSERT_TRUE(ensure("echo 'I: downloading packages...'; echo 'I: success'; echo noise"));
  EXPECT_THAT(progress.notes, ElementsAre("the thing", "the thing: downloading packages"));
}

TEST_F(CacheTest, IsStoppedByAnInterruptAndLeavesNothing) {
  const auto made = ensure("kill -TERM $PPID; sleep 60");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "interrupted");
  EXPECT_THAT(names(), ElementsAre("thing-1.log"));
}

TEST_F(CacheTest, WaitsForAnotherRunThatIsMakingTheSame) {
  const auto other = FileLock::try_take(folder.path() / "thing-1.lock");
  ASSERT_TRUE(other && *other);
  ::kill(::getpid(), SIGTERM);
  EXPECT_FALSE(ensure("true"));
  EXPECT_THAT(progress.notes, ElementsAre(HasSubstr("waiting for another run")));
}

TEST(ContentKey, DiffersWithEveryPart) {
  EXPECT_EQ(content_key({"a", "b"}), content_key({"a", "b"}));
  EXPECT_NE(content_key({"a", "b"}), content_key({"ab"}));
  EXPECT_NE(content_key({"a", "b"}), content_key({"b", "a"}));
}

TEST(ContentOf, DiffersWithNamesContentsAndPrograms) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder.path() / "a", "text"));
  const auto content = [&] { return content_of(folder.path()).value_or("unreadable"); };
  const std::string before = content();
  ASSERT_TRUE(write_file(folder.path() / "a", "text", 0755));
  const std::string as_program = content();
  EXPECT_NE(as_program, before);
  fs::rename(folder.path() / "a", folder.path() / "b");
  EXPECT_NE(content(), as_program);
  EXPECT_FALSE(content_of(folder.path() / "missing"));
}

TEST(ReasonOf, PrefersTheCauseOverItsConsequences) {
  EXPECT_EQ(reason_of("I: begin\nE: cannot resolve\nE: update failed\nlast\n"), "cannot resolve");
  EXPECT_EQ(reason_of("tar: x: Cannot write: No space left on device\nE: failed\n"),
            "tar: x: Cannot write: No space left on device");
  EXPECT_EQ(reason_of("  CC a.o\na.c:1:2: error: what\nmake: Error 1\n"), "a.c:1:2: error: what");
  EXPECT_EQ(reason_of("one\ntwo\n\n"), "two");
}

}  // namespace
}  // namespace mockdev::lab
