// SPDX-License-Identifier: Apache-2.0
#include "dra/claim_events.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "dra/testing.h"
#include "kube/fake_api.h"

namespace mockdev::dra {
namespace {

using discovery::Health;
using kube::text_at;
using nlohmann::json;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

/// What an event says: of which kind of object, what, and whether it warns.
using Said = std::tuple<std::string, std::string, std::string>;

class Events : public testing::Test {
 protected:
  Events() {
    machine_.add("mock0");
    machine_.add("mock1");
    claim_.devices = {allocated("mock0"), allocated("mock1")};
    reserve_for({"p1"});
  }

  static kube::Resource claims() {
    return {.group = "resource.k8s.io", .version = "v1", .plural = "resourceclaims", .ns = "team"};
  }
  static AllocatedDevice allocated(const std::string& device) {
    return {.request = "r",
            .requested_as = "r",
            .pool = PoolName("n1/numa0"),
            .device = DeviceName(device)};
  }

  /// Makes the claim anew, for these pods and something that is no pod.
  void reserve_for(const std::vector<std::string>& pods) {
    json users = json::array(
        {{{"apiGroup", "jobs.example.com"}, {"resource", "jobs"}, {"name", "j"}, {"uid", "j"}}});
    for (const auto& pod : pods) {
      users.push_back({{"resource", "pods"}, {"name", pod}, {"uid", "uid-of-" + pod}});
    }
    [[maybe_unused]] const auto removed = api_.remove(claims().named("a"));
    const auto made = api_.create(
        claims(), {{"metadata", {{"name", "a"}}}, {"status", {{"reservedFor", users}}}});
    ASSERT_TRUE(made);
    claim_.uid = ClaimUid(text_at(*made, {"metadata", "uid"}));
  }

  void set_health(ClaimFollower& events, Health health) {
    machine_.device("mock0").health = health;
    events.set_devices(machine_.inventory.devices);
  }

  [[nodiscard]] json written() {
    auto list = api_.list({.group = "events.k8s.io", .version = "v1", .plural = "events"});
    return list ? (*list)["items"] : json::array();
  }
  /// What is said when so many events are there, and a while after.
  std::vector<Said> said(std::size_t number) {
    EXPECT_TRUE(eventually([&] { return written().size() >= number; }));
    std::this_thread::sleep_for(milliseconds(30));
    std::vector<Said> all;
    for (const json& event : written()) {
      all.emplace_back(text_at(event, {"regarding", "kind"}), text_at(event, {"reason"}),
                       text_at(event, {"type"}));
    }
    return all;
  }

  ClaimEventsSettings settings_{
      .driver = DriverName("d"), .node = NodeName("n1"), .api_version = "v1"};
  kube::FakeApi api_;
  FakeAccelerators machine_;
  Claim claim_{.ns = "team", .name = "a", .uid = ClaimUid(""), .pods = {}, .devices = {}};
};

TEST_F(Events, TellTheClaimAndItsPodsWhatBecameOfADevice) {
  const auto events = make_claim_events(api_, settings_);
  events->set_devices(machine_.inventory.devices);
  events->prepared(claim_);
  EXPECT_THAT(said(0), IsEmpty());
  set_health(*events, Health::failed);
  EXPECT_THAT(said(2), UnorderedElementsAre(Said("Pod", "DeviceFailed", "Warning"),
                                            Said("ResourceClaim", "DeviceFailed", "Warning")));
  for (const json& event : written()) {
    EXPECT_EQ(event["note"], "mock0 of pool n1/numa0, claim a: the device is failed");
    EXPECT_EQ(event["metadata"]["namespace"], "team");
    EXPECT_EQ(event["reportingController"], "d");
    EXPECT_EQ(event["reportingInstance"], "n1");
    const bool of_pod = event["regarding"]["kind"] == "Pod";
    EXPECT_EQ(event["regarding"]["uid"], of_pod ? "uid-of-p1" : claim_.uid.text());
    EXPECT_EQ(event["regarding"]["apiVersion"], of_pod ? "v1" : "resource.k8s.io/v1");
  }
}

TEST_F(Events, FollowADeviceThereAndBack) {
  reserve_for({});
  const auto events = make_claim_events(api_, settings_);
  events->prepared(claim_);
  set_health(*events, Health::degraded);
  EXPECT_THAT(said(1), ElementsAre(Said("ResourceClaim", "DeviceDegraded", "Warning")));
  events->set_devices({machine_.device("mock1")});
  EXPECT_THAT(said(2), testing::Contains(Said("ResourceClaim", "DeviceGone", "Warning")));
  set_health(*events, Health::healthy);
  EXPECT_THAT(said(3), testing::Contains(Said("ResourceClaim", "DeviceHealthy", "Normal")));
}

TEST_F(Events, AreForThePodsOfNow) {
  const auto events = make_claim_events(api_, settings_);
  events->set_devices(machine_.inventory.devices);
  reserve_for({"p2", "p3"});
  events->prepared(claim_);
  set_health(*events, Health::failed);
  said(3);
  std::set<std::string> names;
  for (const json& event : written()) names.insert(text_at(event, {"regarding", "name"}));
  EXPECT_THAT(names, ElementsAre("a", "p2", "p3"));
}

TEST_F(Events, AreNotRepeatedForWhatTheClaimSaysAlready) {
  machine_.device("mock0").health = Health::failed;
  claim_.statuses = {device_status(
      {.pool = PoolName("n1/numa0"), .device = DeviceName("mock0"), .share_id = std::nullopt},
      &machine_.device("mock0"), nullptr, {})};
  const auto events = make_claim_events(api_, settings_);
  events->set_devices(machine_.inventory.devices);
  events->prepared(claim_);
  EXPECT_THAT(said(0), IsEmpty());
  events->prepared(claim_);
  set_health(*events, Health::healthy);
  EXPECT_THAT(said(2), testing::Contains(Said("Pod", "DeviceHealthy", "Normal")));
}

TEST_F(Events, OfAClaimThatIsUnpreparedEnd) {
  const auto events = make_claim_events(api_, settings_);
  events->set_devices(machine_.inventory.devices);
  events->prepared(claim_);
  events->unprepared(claim_.uid);
  set_health(*events, Health::failed);
  EXPECT_THAT(said(0), IsEmpty());
  EXPECT_EQ(api_.count("get"), 0U);
}

TEST_F(Events, AreNotWrittenForAClaimThatTookTheName) {
  const auto events = make_claim_events(api_, settings_);
  events->set_devices(machine_.inventory.devices);
  events->prepared(claim_);
  reserve_for({"p4"});
  set_health(*events, Health::failed);
  EXPECT_TRUE(eventually([&] { return api_.count("get") == 1; }));
  EXPECT_THAT(said(0), IsEmpty());
}

TEST_F(Events, ThatAreRefusedStopNoOthers) {
  api_.before = [&](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
    if (call.verb != "get" || api_.count("get") > 1) return std::nullopt;
    return kube::ApiError{.status = 500, .reason = "InternalError", .message = "no"};
  };
  const auto events = make_claim_events(api_, settings_);
  events->prepared(claim_);
  set_health(*events, Health::degraded);
  EXPECT_TRUE(eventually([&] { return api_.count("get") == 1; }));
  set_health(*events, Health::failed);
  EXPECT_THAT(said(2), UnorderedElementsAre(Said("Pod", "DeviceFailed", "Warning"),
                                            Said("ResourceClaim", "DeviceFailed", "Warning")));
}

}  // namespace
}  // namespace mockdev::dra
