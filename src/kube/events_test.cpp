// SPDX-License-Identifier: Apache-2.0
#include "kube/events.h"

#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/fake_api.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

Event about_claim(const std::string& note, const std::string& ns = "team") {
  return {.regarding = {.api_version = "resource.k8s.io/v1",
                        .kind = "ResourceClaim",
                        .ns = ns,
                        .name = "claim-a",
                        .uid = "u"},
          .type = Event::Type::warning,
          .reason = "PrepareFailed",
          .action = "Prepare",
          .note = note};
}

class Recording : public ::testing::Test {
 protected:
  static EventSettings settings() {
    return {.controller = "mock-accel.example.com",
            .instance = "node-1",
            .qps = 0,
            .series_pause = milliseconds(1)};
  }
  /// The events that the server has, when they satisfy a condition.
  template <typename Condition>
  json events_when(const Condition& condition) {
    const Resource events{.group = "events.k8s.io", .version = "v1", .plural = "events"};
    for (int i = 0; i < 10000; ++i) {
      json items = (*api_.list(events))["items"];
      if (condition(items)) return items;
      std::this_thread::sleep_for(milliseconds(1));
    }
    ADD_FAILURE() << "the events did not come";
    return json::array();
  }

  FakeApi api_;
};

TEST_F(Recording, WritesWhatTheApiWants) {
  EventRecorder recorder(api_, settings());
  recorder.record(about_claim("no such device"));
  const json events = events_when([](const json& items) { return items.size() == 1; });
  ASSERT_EQ(events.size(), 1U);
  const json& made = events[0];
  EXPECT_EQ(made["metadata"]["namespace"], "team");
  EXPECT_THAT(made["metadata"]["name"].get<std::string>(), ::testing::StartsWith("claim-a."));
  EXPECT_EQ(made["reportingController"], "mock-accel.example.com");
  EXPECT_EQ(made["reportingInstance"], "node-1");
  EXPECT_EQ(made["type"], "Warning");
  EXPECT_EQ(made["reason"], "PrepareFailed");
  EXPECT_EQ(made["action"], "Prepare");
  EXPECT_EQ(made["note"], "no such device");
  EXPECT_EQ(made["regarding"]["uid"], "u");
  EXPECT_FALSE(made.contains("series"));
}

TEST_F(Recording, CountsTheSameEvent) {
  EventRecorder recorder(api_, settings());
  for (int i = 0; i < 5; ++i) recorder.record(about_claim("same"));
  recorder.record(about_claim("other"));
  const json events = events_when([](const json& items) {
    return items.size() == 2 && number_at(items[0], {"series", "count"}) == 5;
  });
  ASSERT_EQ(events.size(), 2U);
  EXPECT_FALSE(events[1].contains("series"));
}

TEST_F(Recording, WritesACountNoMoreOftenThanItMay) {
  auto slow = settings();
  slow.series_pause = std::chrono::hours(1);
  EventRecorder recorder(api_, slow);
  for (int i = 0; i < 100; ++i) recorder.record(about_claim("same"));
  recorder.record(about_claim("last"));
  events_when([](const json& items) { return items.size() == 2; });
  EXPECT_EQ(api_.count("patch"), 0U);
}

TEST_F(Recording, BeginsAnewWhenTheServerHasForgottenTheEvent) {
  EventRecorder recorder(api_, settings());
  recorder.record(about_claim("same"));
  const json events = events_when([](const json& items) { return items.size() == 1; });
  ASSERT_TRUE(api_.remove({.group = "events.k8s.io",
                           .version = "v1",
                           .plural = "events",
                           .ns = "team",
                           .name = events[0]["metadata"]["name"]}));
  recorder.record(about_claim("same"));
  while (api_.count("patch") == 0) std::this_thread::sleep_for(milliseconds(1));
  recorder.record(about_claim("same"));
  events_when([](const json& items) { return items.size() == 1; });
}

TEST_F(Recording, DropsTheOldestRatherThanWait) {
  std::mutex hold;
  std::unique_lock held(hold);
  api_.before = [&](const FakeApi::Call& call) -> std::optional<ApiError> {
    if (call.verb == "create") const std::scoped_lock wait(hold);
    return std::nullopt;
  };
  auto small = settings();
  small.queue = 2;
  EventRecorder recorder(api_, small);
  recorder.record(about_claim("0"));
  while (api_.count("create") == 0) std::this_thread::sleep_for(milliseconds(1));
  for (const char* note : {"1", "2", "3", "4"}) recorder.record(about_claim(note));
  EXPECT_EQ(recorder.dropped(), 2U);
  held.unlock();
  const json events = events_when([](const json& items) { return items.size() == 3; });
  EXPECT_EQ(events[1]["note"], "3");
  EXPECT_EQ(events[2]["note"], "4");
}

TEST_F(Recording, OutlivesRefusals) {
  int refused = 0;
  api_.before = [&](const FakeApi::Call& call) -> std::optional<ApiError> {
    if (call.verb != "create" || ++refused > 1) return std::nullopt;
    return ApiError{.status = 403, .reason = "Forbidden", .message = "cannot create events"};
  };
  EventRecorder recorder(api_, settings());
  recorder.record(about_claim("lost"));
  recorder.record(about_claim("kept"));
  const json events = events_when([](const json& items) { return items.size() == 1; });
  EXPECT_EQ(events[0]["note"], "kept");
}

TEST_F(Recording, PutsEventsOfClusterScopedObjectsIntoDefault) {
  EventRecorder recorder(api_, settings());
  recorder.record(about_claim("note", ""));
  const json events = events_when([](const json& items) { return items.size() == 1; });
  EXPECT_EQ(events[0]["metadata"]["namespace"], "default");
  EXPECT_FALSE(events[0]["regarding"].contains("namespace"));
}

TEST_F(Recording, CutsALongNoteBetweenCharacters) {
  EventRecorder recorder(api_, settings());
  recorder.record(about_claim(std::string(1023, 'x') + "\xc3\xa4"));
  const json events = events_when([](const json& items) { return items.size() == 1; });
  EXPECT_EQ(events[0]["note"], std::string(1023, 'x'));
}

TEST_F(Recording, EndsWithoutWaitingForWhatIsLeft) {
  auto slow = settings();
  slow.qps = 0.001;
  slow.burst = 1;
  const auto begun = std::chrono::steady_clock::now();
  {
    EventRecorder recorder(api_, slow);
    for (int i = 0; i < 10; ++i) recorder.record(about_claim(std::to_string(i)));
    while (api_.count("create") == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(api_.count("create"), 1U);
}

TEST(ReferenceTo, NamesAnObject) {
  const ObjectReference reference = reference_to(
      {{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "n"}, {"uid", "u"}}}});
  EXPECT_EQ(
      reference,
      (ObjectReference{.api_version = "v1", .kind = "Node", .ns = "", .name = "n", .uid = "u"}));
}

}  // namespace
}  // namespace mockdev::kube
