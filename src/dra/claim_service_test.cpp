// SPDX-License-Identifier: Apache-2.0
#include "dra/claim_service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include "base/testing.h"
#include "dra/testing.h"
#include "kube/fake_api.h"

namespace mockdev::dra {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// Notes which claims it hears of.
class Follower final : public ClaimFollower {
 public:
  void set_devices(std::vector<discovery::Device> /*devices*/) override {}
  void prepared(const Claim& claim) override { claims.push_back(claim.name); }
  void unprepared(const ClaimUid& /*claim*/) override {}

  std::vector<std::string> claims;
};

/// The caller, who is still there.
const ClaimHandler::GivenUp kWaits = [] { return false; };

class Service : public testing::Test {
 protected:
  Service() { machine_.add("mock0"); }

  [[nodiscard]] static kube::Resource resource(const std::string& name) {
    return {.group = "resource.k8s.io",
            .version = "v1",
            .plural = "resourceclaims",
            .ns = "default",
            .name = name};
  }
  void add_claim(const std::string& name, const ClaimUid& uid) {
    api_.put(resource(name), {{"metadata", {{"namespace", "default"}, {"uid", uid.text()}}},
                              {"status",
                               {{"allocation",
                                 {{"devices",
                                   {{"results",
                                     {{{"request", "r"},
                                       {"driver", "mock-accel.example.com"},
                                       {"pool", "n1/numa0"},
                                       {"device", "mock0"}}}}}}}}}}});
  }
  [[nodiscard]] ClaimService service(const std::filesystem::path& lock_file = {}) {
    return {api_,
            preparer_,
            {.driver = DriverName("mock-accel.example.com"),
             .node = NodeName("n1"),
             .api_version = "v1",
             .lock_file = lock_file,
             .patience = std::chrono::milliseconds(20)}};
  }
  static std::vector<ClaimReference> reference(const std::string& name,
                                               const ClaimUid& uid = kUid) {
    return {{.ns = "default", .name = name, .uid = uid}};
  }

  TemporaryFolder folder_;
  FakeApi api_;
  FakeAccelerators machine_;
  Preparer preparer_{machine_, CdiFolder(folder_.path(), DriverName("mock-accel.example.com"))};
};

TEST_F(Service, PreparesWhatTheApiServerSays) {
  add_claim("a", kUid);
  auto service = this->service();
  const auto prepared = service.prepare(reference("a"), kWaits);
  ASSERT_THAT(prepared, SizeIs(1));
  ASSERT_TRUE(prepared[0]) << prepared[0].error().message;
  EXPECT_EQ(prepared[0]->front().device, DeviceName("mock0"));
  EXPECT_TRUE(service.unprepare(reference("a")).front());
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

TEST_F(Service, AClaimThatFailsDoesNotHoldUpOthers) {
  add_claim("a", kUid);
  auto claims = reference("missing");
  claims.push_back(reference("a").front());
  const auto prepared = service().prepare(claims, kWaits);
  ASSERT_THAT(prepared, SizeIs(2));
  EXPECT_THAT(prepared[0].error().message, HasSubstr("resourceclaims.resource.k8s.io"));
  EXPECT_TRUE(prepared[1]);
}

TEST_F(Service, RefusesAClaimThatWasReplaced) {
  add_claim("a", ClaimUid("new"));
  EXPECT_THAT(service().prepare(reference("a"), kWaits)[0].error().message,
              HasSubstr("it was replaced"));
}

TEST_F(Service, WaitsForTheOtherAgentOnlySoLong) {
  add_claim("a", kUid);
  const auto path = folder_.path() / "serialize.lock";
  const UniqueFd other(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  auto service = this->service(path);
  EXPECT_THAT(service.prepare(reference("a"), kWaits)[0].error().message,
              HasSubstr("another process held it"));
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  EXPECT_TRUE(service.prepare(reference("a"), kWaits)[0]);
}

TEST_F(Service, PreparesNothingForACallerWhoHasGivenUp) {
  add_claim("a", kUid);
  const auto prepared = service().prepare(reference("a"), [] { return true; });
  EXPECT_THAT(prepared[0].error().message, HasSubstr("nobody waits"));
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

TEST_F(Service, DoesNotKeepAnEndWaiting) {
  add_claim("a", kUid);
  auto ending = service();
  ending.end_waiting();
  EXPECT_FALSE(ending.prepare(reference("a"), kWaits)[0]);
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

TEST_F(Service, OrphansAreThoseWhoseClaimsAreGone) {
  machine_.add("mock1");
  add_claim("a", kUid);
  auto service = this->service();
  ASSERT_TRUE(service.prepare(reference("a"), kWaits)[0]);
  ASSERT_TRUE(machine_.take("mock1", owner_uuid(ClaimUid("gone"))));
  EXPECT_EQ(*service.remove_orphans(), 1U);
  EXPECT_EQ(machine_.owner("mock1"), std::nullopt);
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kUid));
  api_.objects.clear();
  EXPECT_EQ(*service.remove_orphans(), 1U);
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

TEST_F(Service, AnOrphanThatCanNotBeFreedDoesNotHoldUpTheOther) {
  machine_.add("mock1");
  const std::vector<std::string> names = {"mock0", "mock1"};
  for (std::size_t stuck = 0; stuck < names.size(); ++stuck) {
    ASSERT_TRUE(machine_.take("mock0", owner_uuid(ClaimUid("gone"))));
    ASSERT_TRUE(machine_.take("mock1", owner_uuid(ClaimUid("gone too"))));
    machine_.broken = {names[stuck]};
    EXPECT_FALSE(service().remove_orphans());
    EXPECT_NE(machine_.owner(names[stuck]), std::nullopt);
    EXPECT_EQ(machine_.owner(names[1 - stuck]), std::nullopt);
    machine_.broken = {};
    EXPECT_EQ(*service().remove_orphans(), 1U);
  }
}

TEST_F(Service, ADeviceThatWasAwayWhenItsClaimWasUnpreparedIsFreedWhenItIsBack) {
  machine_.add("mock1");
  add_claim("a", kUid);
  auto service = this->service();
  ASSERT_TRUE(service.prepare(reference("a"), kWaits)[0]);
  const auto readings = std::exchange(machine_.device("mock0").readings, std::nullopt);
  ASSERT_TRUE(service.unprepare(reference("a"))[0]);
  machine_.device("mock0").readings = readings;
  EXPECT_EQ(*service.remove_orphans(), 0U);  // the claim still has it
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kUid));
  ASSERT_TRUE(machine_.take("mock1", owner_uuid(kUid)));
  EXPECT_EQ(*service.remove_orphans(), 1U);  // this one it has not
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kUid));
  EXPECT_EQ(machine_.owner("mock1"), std::nullopt);
  api_.put(resource("a"), {{"metadata", {{"namespace", "default"}, {"uid", kUid.text()}}}});
  EXPECT_EQ(*service.remove_orphans(), 1U);  // it is not allocated any more
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

TEST_F(Service, TellsOfClaimsThatAProcessBeforePrepared) {
  add_claim("a", kUid);
  add_claim("not prepared", ClaimUid("other"));
  ASSERT_TRUE(service().prepare(reference("a"), kWaits)[0]);
  Follower follower;
  ClaimService next(api_, preparer_,
                    {.driver = DriverName("mock-accel.example.com"),
                     .node = NodeName("n1"),
                     .api_version = "v1",
                     .lock_file = {},
                     .followers = {&follower}});
  ASSERT_EQ(*next.remove_orphans(), 0U);
  EXPECT_EQ(follower.claims, std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace mockdev::dra
