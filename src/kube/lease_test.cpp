// SPDX-License-Identifier: Apache-2.0
#include "kube/lease.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "kube/fake_api.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const Resource kLease{.group = "coordination.k8s.io",
                      .version = "v1",
                      .plural = "leases",
                      .ns = "system",
                      .name = "controller"};

/// A replica that contends, quickly.
class Replica {
 public:
  Replica(Api& api, const std::string& identity, seconds lease_duration = seconds(1)) {
    LeaseSettings settings{.ns = "system",
                           .name = "controller",
                           .identity = identity,
                           .lease_duration = lease_duration,
                           .renew_deadline = milliseconds(300),
                           .retry_period = milliseconds(20),
                           .started_leading = [this] { ++started; },
                           .stopped_leading = [this] { ++stopped; }};
    election_ = *LeaderElection::make(api, std::move(settings));
    election_->start();
  }

  LeaderElection& operator*() { return *election_; }
  LeaderElection* operator->() { return election_.get(); }

  std::atomic<int> started = 0;
  std::atomic<int> stopped = 0;

 private:
  std::unique_ptr<LeaderElection> election_;
};

std::string holder(FakeApi& api) {
  const auto lease = api.get(kLease);
  return lease ? text_at(*lease, {"spec", "holderIdentity"}) : std::string();
}

TEST(LeaderElection, MakesTheLeaseAndLeads) {
  FakeApi api;
  Replica replica(api, "a");
  ASSERT_TRUE(eventually([&] { return replica->is_leader(); }));
  EXPECT_EQ(replica.started, 1);
  EXPECT_EQ(replica->leader(), "a");
  const auto lease = *api.get(kLease);
  EXPECT_EQ(lease["spec"]["holderIdentity"], "a");
  EXPECT_EQ(lease["spec"]["leaseDurationSeconds"], 1);
  EXPECT_EQ(lease["spec"]["leaseTransitions"], 0);
  EXPECT_THAT(lease["spec"]["renewTime"].get<std::string>(),
              ::testing::MatchesRegex("....-..-..T..:..:..[.]......Z"));
}

TEST(LeaderElection, RenewsWithOneWriteAndNoRead) {
  FakeApi api;
  Replica replica(api, "a");
  ASSERT_TRUE(eventually([&] { return api.count("update") >= 5; }));
  EXPECT_EQ(api.count("get"), 1U);
  EXPECT_TRUE(replica->is_leader());
}

TEST(LeaderElection, HandsOverAtOnceWhenTheLeaderStops) {
  FakeApi api;
  Replica first(api, "a", seconds(1000));
  ASSERT_TRUE(eventually([&] { return first->is_leader(); }));
  Replica second(api, "b", seconds(1000));
  ASSERT_TRUE(eventually([&] { return second->leader() == "a"; }));
  EXPECT_FALSE(second->is_leader());
  first->stop();
  EXPECT_EQ(first.stopped, 1);
  EXPECT_FALSE(first->is_leader());
  ASSERT_TRUE(eventually([&] { return second->is_leader(); }));
  EXPECT_EQ(holder(api), "b");
  EXPECT_EQ((*api.get(kLease))["spec"]["leaseTransitions"], 1);
}

TEST(LeaderElection, TakesOverFromOneThatIsSilentForItsLeaseDuration) {
  FakeApi api;
  // The other's clock is wrong by years, which must not matter.
  ASSERT_TRUE(api.create(kLease.named(""), {{"metadata", {{"name", "controller"}}},
                                            {"spec",
                                             {{"holderIdentity", "gone"},
                                              {"leaseDurationSeconds", 1},
                                              {"renewTime", "2099-01-01T00:00:00.000000Z"}}}}));
  const auto begun = std::chrono::steady_clock::now();
  Replica replica(api, "a");
  ASSERT_TRUE(eventually([&] { return replica->is_leader(); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, seconds(1));
}

TEST(LeaderElection, LeavesAHolderAloneThatRenewsWithAWrongClock) {
  FakeApi api;
  ASSERT_TRUE(api.create(kLease.named(""),
                         {{"metadata", {{"name", "controller"}}},
                          {"spec", {{"holderIdentity", "other"}, {"leaseDurationSeconds", 1}}}}));
  Replica replica(api, "a");
  for (int i = 0; i < 15; ++i) {
    ASSERT_TRUE(
        api.patch(kLease, {{"spec", {{"renewTime", fmt::format("1970-01-01T00:00:{:02}Z", i)}}}}));
    std::this_thread::sleep_for(milliseconds(100));
    ASSERT_FALSE(replica->is_leader());
  }
}

TEST(LeaderElection, StopsLeadingWhenItCanNotRenew) {
  FakeApi api;
  std::atomic<bool> broken = false;
  api.before = [&](const FakeApi::Call&) -> std::optional<ApiError> {
    if (!broken) return std::nullopt;
    return ApiError{.reason = std::string(reason::kUnreachable), .message = "no connection"};
  };
  Replica replica(api, "a");
  ASSERT_TRUE(eventually([&] { return replica->is_leader(); }));
  broken = true;
  ASSERT_TRUE(eventually([&] { return replica.stopped == 1; }));
  EXPECT_FALSE(replica->is_leader());
  broken = false;
  ASSERT_TRUE(eventually([&] { return replica->is_leader(); }));
  EXPECT_EQ(replica.started, 2);
}

TEST(LeaderElection, StopsLeadingWhenAnotherHasTakenTheLease) {
  FakeApi api;
  Replica replica(api, "a");
  ASSERT_TRUE(eventually([&] { return replica->is_leader(); }));
  ASSERT_TRUE(
      api.patch(kLease, {{"spec", {{"holderIdentity", "thief"}, {"leaseDurationSeconds", 1000}}}}));
  ASSERT_TRUE(eventually([&] { return replica.stopped == 1; }));
  EXPECT_EQ(replica->leader(), "thief");
  EXPECT_EQ(holder(api), "thief");
}

TEST(LeaderElection, MakesTheLeaseAgainWhenSomebodyRemovesIt) {
  FakeApi api;
  Replica replica(api, "a");
  ASSERT_TRUE(eventually([&] { return replica->is_leader(); }));
  ASSERT_TRUE(api.remove(kLease));
  ASSERT_TRUE(eventually([&] { return holder(api) == "a"; }));
  EXPECT_EQ(replica.stopped, 0);
}

TEST(LeaderElection, OnlyOneOfManyLeads) {
  FakeApi api;
  Replica a(api, "a");
  Replica b(api, "b");
  Replica c(api, "c");
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(milliseconds(5));
    const int leaders =
        (a->is_leader() ? 1 : 0) + (b->is_leader() ? 1 : 0) + (c->is_leader() ? 1 : 0);
    ASSERT_LE(leaders, 1);
  }
  EXPECT_EQ(a.started + b.started + c.started, 1);
}

TEST(LeaderElection, RefusesSettingsThatContradictThemselves) {
  FakeApi api;
  const auto nameless = LeaderElection::make(api, {});
  ASSERT_FALSE(nameless);
  const auto hasty = LeaderElection::make(
      api, {.ns = "n", .name = "l", .identity = "a", .renew_deadline = seconds(20)});
  ASSERT_FALSE(hasty);
  EXPECT_THAT(hasty.error().message, HasSubstr("lease duration (15 s) must be longer"));
}

}  // namespace
}  // namespace mockdev::kube
