// SPDX-License-Identifier: Apache-2.0
#include "dra/status_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "dra/testing.h"
#include "kube/fake_api.h"

namespace mockdev::dra {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::SizeIs;

class Statuses : public testing::Test {
 protected:
  Statuses() {
    machine_.add("mock0");
    claim_.devices.push_back({.request = "r",
                              .requested_as = "r",
                              .pool = PoolName("n1/numa0"),
                              .device = DeviceName("mock0")});
    const auto made = api_.create(where(), {{"metadata", {{"name", "a"}}}});
    EXPECT_TRUE(made);
  }

  [[nodiscard]] static kube::Resource where() {
    return {
        .group = "resource.k8s.io", .version = "v1", .plural = "resourceclaims", .ns = "default"};
  }

  [[nodiscard]] StatusKeeperSettings settings() const {
    return {.driver = DriverName("d"),
            .api_version = "v1",
            .first_backoff = milliseconds(1),
            .max_backoff = milliseconds(2)};
  }

  void set_health(ClaimFollower& keeper, discovery::Health health) {
    machine_.device("mock0").health = health;
    keeper.set_devices(machine_.inventory.devices);
  }

  [[nodiscard]] json said() {
    const auto claim = api_.get(where().named("a"));
    const json* const devices = claim ? kube::member(*claim, {"status", "devices"}) : nullptr;
    return devices == nullptr ? json() : *devices;
  }
  [[nodiscard]] std::string reason() {
    const json devices = said();
    return devices.is_null() ? "none" : devices[0]["conditions"][0]["reason"].get<std::string>();
  }
  [[nodiscard]] bool becomes(const std::string& wanted) {
    return eventually([&] { return reason() == wanted; });
  }

  /// The next writes fail so, and are counted.
  void refuse(int status, std::string_view reason, std::string message = "no") {
    api_.before = [status, reason,
                   message](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
      if (call.verb != "patch") return std::nullopt;
      return kube::ApiError{.status = status, .reason = std::string(reason), .message = message};
    };
  }
  /// Waits until the keeper has tried so often, and longer, to see whether it goes on.
  [[nodiscard]] std::size_t writes_after(std::size_t expected) {
    EXPECT_TRUE(eventually([&] { return api_.count("patch") >= expected; }));
    std::this_thread::sleep_for(milliseconds(30));
    return api_.count("patch");
  }

  kube::FakeApi api_;
  FakeAccelerators machine_;
  Claim claim_{.ns = "default",
               .name = "a",
               .uid = ClaimUid("00000000-0000-4000-8000-000000000001"),
               .pods = {},
               .devices = {}};
};

TEST_F(Statuses, AreWrittenOnceAndWithTheHealth) {
  const auto keeper = make_status_keeper(api_, settings());
  keeper->prepared(claim_);
  keeper->set_devices(machine_.inventory.devices);
  EXPECT_TRUE(becomes("Prepared"));
  keeper->prepared(claim_);
  keeper->set_devices(machine_.inventory.devices);
  EXPECT_EQ(writes_after(1), 1U);
  set_health(*keeper, discovery::Health::degraded);
  EXPECT_TRUE(becomes("Degraded"));
  keeper->set_devices({});
  EXPECT_TRUE(becomes("Gone"));
  EXPECT_EQ(said()[0]["data"]["uuid"], to_string(uuid_of_name("mock0")));
  keeper->unprepared(claim_.uid);
  keeper->set_devices(machine_.inventory.devices);
  EXPECT_EQ(writes_after(3), 3U);
}

TEST_F(Statuses, NameTheClaimTheyAreMeantFor) {
  claim_.devices.push_back(claim_.devices.front());  // two requests look at one device
  const auto keeper = make_status_keeper(api_, settings());
  keeper->set_devices(machine_.inventory.devices);
  keeper->prepared(claim_);
  ASSERT_TRUE(becomes("Prepared"));
  const auto calls = api_.calls();
  const auto patch = std::ranges::find(calls, "patch", &kube::FakeApi::Call::verb);
  EXPECT_EQ(patch->resource, where().named("a"));
  EXPECT_EQ(patch->body["apiVersion"], "resource.k8s.io/v1");
  EXPECT_EQ(patch->body["metadata"]["uid"], claim_.uid.text());
  EXPECT_THAT(patch->body["status"]["devices"], SizeIs(1));
}

TEST_F(Statuses, ThatTheClaimHasAlreadyAreNotWritten) {
  claim_.statuses = {device_status(
      {.pool = PoolName("n1/numa0"), .device = DeviceName("mock0"), .share_id = std::nullopt},
      &machine_.device("mock0"), nullptr, {})};
  const auto keeper = make_status_keeper(api_, settings());
  keeper->set_devices(machine_.inventory.devices);
  keeper->prepared(claim_);
  EXPECT_EQ(writes_after(0), 0U);
  set_health(*keeper, discovery::Health::failed);
  EXPECT_TRUE(becomes("Failed"));
}

TEST_F(Statuses, AreTriedAgainWhileTheServerHasTrouble) {
  refuse(500, kube::reason::kInternalError);
  const auto keeper = make_status_keeper(api_, settings());
  keeper->set_devices(machine_.inventory.devices);
  keeper->prepared(claim_);
  EXPECT_TRUE(eventually([&] { return api_.count("patch") >= 3; }));
}

TEST_F(Statuses, OfAClaimThatIsGoneAreForgotten) {
  ASSERT_TRUE(api_.remove(where().named("a")));
  const auto keeper = make_status_keeper(api_, settings());
  keeper->set_devices(machine_.inventory.devices);
  keeper->prepared(claim_);
  EXPECT_EQ(writes_after(1), 1U);
  set_health(*keeper, discovery::Health::failed);
  EXPECT_EQ(writes_after(1), 1U);
}

TEST_F(Statuses, ThatAreDeniedAreTriedOnceForEachNews) {
  for (const auto& [reason, message] :
       {std::pair{kube::reason::kForbidden, "cannot patch resource \"resourceclaims/status\""},
        std::pair{kube::reason::kInvalid, "requires resource=\"resourceclaims/driver\""}}) {
    refuse(403, reason, message);
    const std::size_t before = api_.count("patch");
    const auto keeper = make_status_keeper(api_, settings());
    set_health(*keeper, discovery::Health::healthy);
    keeper->prepared(claim_);
    EXPECT_EQ(writes_after(before + 1), before + 1);
    keeper->set_devices(machine_.inventory.devices);
    EXPECT_EQ(writes_after(before + 1), before + 1);
    set_health(*keeper, discovery::Health::degraded);
    EXPECT_EQ(writes_after(before + 2), before + 2);
  }
}

TEST_F(Statuses, ThatTheServerDropsAreNotWrittenAgain) {
  api_.on_store = [](json& claim) { claim.erase("status"); };
  const auto keeper = make_status_keeper(api_, settings());
  keeper->set_devices(machine_.inventory.devices);
  keeper->prepared(claim_);
  EXPECT_EQ(writes_after(1), 1U);
  set_health(*keeper, discovery::Health::failed);
  claim_.uid = ClaimUid("another");
  keeper->prepared(claim_);
  EXPECT_EQ(writes_after(1), 1U);
}

}  // namespace
}  // namespace mockdev::dra
