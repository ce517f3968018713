// SPDX-License-Identifier: Apache-2.0
#include "kube/watch.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/fake_api.h"
#include "kube/testing.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;

WatchSettings quick() {
  return {.first_backoff = milliseconds(1), .max_backoff = milliseconds(5)};
}

/// Writes down what it hears.
class Diary final : public WatchHandler {
 public:
  void added(const json& object) override { write("+" + name(object)); }
  void modified(const json& object) override { write("~" + name(object)); }
  void deleted(const json& object) override { write("-" + name(object)); }
  void synced() override { write("synced"); }
  void failed(const ApiError& error) override {
    const std::scoped_lock lock(mutex_);
    failures_.push_back(error.reason);
    news_.notify_all();
  }

  /// What was heard, when it is so many lines.
  std::vector<std::string> lines(std::size_t count) {
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, std::chrono::seconds(10), [&] { return lines_.size() >= count; });
    return lines_;
  }
  std::vector<std::string> failures(std::size_t count) {
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, std::chrono::seconds(10), [&] { return failures_.size() >= count; });
    return failures_;
  }

 private:
  static std::string name(const json& object) { return text_at(object, {"metadata", "name"}); }
  void write(std::string line) {
    const std::scoped_lock lock(mutex_);
    lines_.push_back(std::move(line));
    news_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<std::string> lines_;
  std::vector<std::string> failures_;
};

/// An API server that a test writes to as people do.
class Watching : public ::testing::Test {
 protected:
  json create(const std::string& name) {
    return *api_.create(kSlices, {{"metadata", {{"name", name}}}});
  }
  void change(const std::string& name) {
    ASSERT_TRUE(api_.patch(kSlices.named(name), {{"spec", {{"n", ++changes_}}}}));
  }
  void remove(const std::string& name) { ASSERT_TRUE(api_.remove(kSlices.named(name))); }
  static ApiError expired() {
    return {.status = 410, .reason = std::string(reason::kExpired), .message = "too old"};
  }
  void wait_for_watch(std::size_t number) {
    while (api_.count("watch") < number) std::this_thread::sleep_for(milliseconds(1));
  }

  FakeApi api_;
  Diary diary_;
  int changes_ = 0;
};

TEST_F(Watching, ListsThenFollows) {
  create("a");
  create("b");
  Watch watch(api_, kSlices, quick(), diary_);
  EXPECT_FALSE(watch.has_synced());
  watch.start();
  EXPECT_THAT(diary_.lines(3), ElementsAre("+a", "+b", "synced"));
  EXPECT_TRUE(watch.has_synced());
  create("c");
  change("a");
  remove("b");
  EXPECT_THAT(diary_.lines(6), ElementsAre("+a", "+b", "synced", "+c", "~a", "-b"));
  EXPECT_EQ((*watch.find("a"))["spec"]["n"], 1);
  EXPECT_EQ(watch.find("b"), nullptr);
  EXPECT_EQ(watch.objects().size(), 2U);
  EXPECT_EQ(watch.statistics().lists, 1U);
  EXPECT_EQ(watch.statistics().events, 3U);
}

TEST_F(Watching, ListsAgainAndFindsOutWhatVanished) {
  create("a");
  create("b");
  create("c");
  int lists = 0;
  api_.before = [&](const FakeApi::Call& call) -> std::optional<ApiError> {
    if (call.verb != "list" || ++lists != 2) return std::nullopt;
    // No watch sees this: only the list that follows can tell.
    remove("a");
    change("b");
    remove("c");
    create("c");
    create("d");
    api_.forget_history();
    return std::nullopt;
  };
  Watch watch(api_, kSlices, quick(), diary_);
  watch.start();
  EXPECT_THAT(diary_.lines(4), ElementsAre("+a", "+b", "+c", "synced"));
  wait_for_watch(1);
  api_.end_watches(std::unexpected(expired()));
  EXPECT_THAT(diary_.lines(9),
              ElementsAre("+a", "+b", "+c", "synced", "-a", "~b", "-c", "+c", "+d"));
  wait_for_watch(2);
  EXPECT_EQ(watch.statistics().lists, 2U);
}

TEST_F(Watching, GoesOnWhereItWasAfterAWatchHasEnded) {
  create("a");
  Watch watch(api_, kSlices, quick(), diary_);
  watch.start();
  diary_.lines(2);
  for (std::size_t i = 1; i <= 5; ++i) {
    wait_for_watch(i);
    api_.end_watches();
  }
  create("b");
  EXPECT_THAT(diary_.lines(3), ElementsAre("+a", "synced", "+b"));
  EXPECT_EQ(watch.statistics().lists, 1U);
  EXPECT_EQ(watch.statistics().failures, 0U);
}

TEST_F(Watching, ListsAgainWhenTheServerKeepsRefusingToGoOn) {
  create("a");
  int refusals = 0;
  api_.before = [&](const FakeApi::Call& call) -> std::optional<ApiError> {
    if (call.verb != "watch" || ++refusals > 2) return std::nullopt;
    return ApiError{.status = 504, .reason = "Timeout", .message = "too large resource version"};
  };
  Watch watch(api_, kSlices, quick(), diary_);
  watch.start();
  EXPECT_THAT(diary_.failures(2), ElementsAre("Timeout", "Timeout"));
  wait_for_watch(3);
  EXPECT_EQ(watch.statistics().lists, 2U);
}

TEST_F(Watching, TriesAgainWhatFails) {
  create("a");
  int attempts = 0;
  api_.before = [&](const FakeApi::Call& call) -> std::optional<ApiError> {
    if (call.verb != "list" || ++attempts > 3) return std::nullopt;
    return ApiError{.status = 403, .reason = "Forbidden", .message = "cannot list"};
  };
  Watch watch(api_, kSlices, quick(), diary_);
  watch.start();
  EXPECT_THAT(diary_.lines(2), ElementsAre("+a", "synced"));
  EXPECT_THAT(diary_.failures(3), ElementsAre("Forbidden", "Forbidden", "Forbidden"));
}

TEST_F(Watching, CallsNobodyAfterItsStop) {
  Watch watch(api_, kSlices, quick(), diary_);
  watch.start();
  diary_.lines(1);
  watch.stop();
  create("a");
  EXPECT_THAT(diary_.lines(1), ElementsAre("synced"));
}

TEST_F(Watching, PassesSelectorsOn) {
  ASSERT_TRUE(api_.create(kSlices, {{"metadata", {{"name", "a"}}}, {"spec", {{"driver", "x"}}}}));
  ASSERT_TRUE(api_.create(kSlices, {{"metadata", {{"name", "b"}}}, {"spec", {{"driver", "y"}}}}));
  auto settings = quick();
  settings.field_selector = "spec.driver=x";
  Watch watch(api_, kSlices, settings, diary_);
  watch.start();
  EXPECT_THAT(diary_.lines(2), ElementsAre("+a", "synced"));
}

TEST(WatchOverHttp, GoesOnFromTheLastBookmarkWhenItIsCutOff) {
  const auto list = [](const Received&, Answer& answer) {
    answer.reply(200, json{{"kind", "PodList"},
                           {"metadata", {{"resourceVersion", "10"}}},
                           {"items", json::array()}});
  };
  const auto bookmark_and_cut = [](const Received&, Answer& answer) {
    answer.begin_chunks();
    answer.chunk(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"99"}}})"
                 "\n{\"type\":\"AD");
    answer.close();
  };
  const auto stall = [](const Received&, Answer& answer) {
    answer.begin_chunks();
    answer.stall();
  };
  ScriptedServer server({list, bookmark_and_cut, stall});
  const auto client = client_of(server.url());
  Diary diary;
  Watch watch(*client, kSlices, quick(), diary);
  watch.start();
  ASSERT_TRUE(server.wait_for_requests(3));
  EXPECT_TRUE(server.requests()[1].asks("resourceVersion=10"));
  EXPECT_TRUE(server.requests()[2].asks("resourceVersion=99"));
  EXPECT_EQ(watch.statistics().lists, 1U);
}

TEST(WatchOverHttp, EndsAtOnceWhileTheServerIsSilent) {
  ScriptedServer server({[](const Received&, Answer& answer) { answer.stall(); }});
  auto settings = quick_settings();
  settings.attempt_timeout = std::chrono::minutes(10);
  settings.operation_timeout = std::chrono::minutes(10);
  const auto client = client_of(server.url(), settings);
  Diary diary;
  Watch watch(*client, kSlices, quick(), diary);
  watch.start();
  ASSERT_TRUE(server.wait_for_requests(1));
  const auto begun = std::chrono::steady_clock::now();
  watch.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST(KeyOf, HasTheNamespaceInFront) {
  EXPECT_EQ(key_of({{"metadata", {{"name", "a"}}}}), "a");
  EXPECT_EQ(key_of({{"metadata", {{"name", "a"}, {"namespace", "n"}}}}), "n/a");
  EXPECT_EQ(key_of(json::array()), "");
}

}  // namespace
}  // namespace mockdev::kube
