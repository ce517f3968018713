// SPDX-License-Identifier: Apache-2.0
#include "dra/absentees.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "dra/testing.h"

namespace mockdev::dra {
namespace {

using discovery::Health;
using testing::ElementsAre;
using testing::IsEmpty;

class AbsenteesTest : public testing::Test {
 protected:
  AbsenteesTest() {
    machine_.add("mock0");
    machine_.add("mock1");
    set("mock0", "mock1");
    absentees_.prepared(claim("a", "mock1"));
  }

  static Claim claim(const std::string& uid, const std::string& device) {
    return {.ns = "default",
            .name = uid,
            .uid = ClaimUid(uid),
            .pods = {},
            .devices = {{.request = "r",
                         .requested_as = "r",
                         .pool = PoolName("n1/numa0"),
                         .device = DeviceName(device)}}};
  }

  template <typename... Names>
  void set(Names... names) {
    absentees_.set_devices({machine_.device(names)...});
  }

  /// "mock0 healthy"
  std::vector<std::string> all() {
    std::vector<std::string> said;
    for (const auto& device : absentees_.all()) {
      said.push_back(device.name + " " + std::string(to_string(device.health)));
    }
    return said;
  }

  [[nodiscard]] bool changed() const {
    pollfd source{.fd = absentees_.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&source, 1, 0) == 1;
  }

  FakeAccelerators machine_;
  Absentees absentees_;
};

TEST_F(AbsenteesTest, AreHeldDevicesThatTheMachineHasNoMore) {
  EXPECT_THAT(all(), ElementsAre("mock0 healthy", "mock1 healthy"));
  set("mock0");
  EXPECT_THAT(all(), ElementsAre("mock0 healthy", "mock1 gone"));
  const auto gone = absentees_.all().back();
  EXPECT_EQ(gone.uuid, machine_.device("mock1").uuid);
  EXPECT_EQ(gone.readings, std::nullopt);
  set("mock0");
  EXPECT_THAT(all(), ElementsAre("mock0 healthy", "mock1 gone"));
}

TEST_F(AbsenteesTest, WhatNobodyHoldsIsForgottenAtOnce) {
  set("mock1");
  EXPECT_THAT(all(), ElementsAre("mock1 healthy"));
}

TEST_F(AbsenteesTest, WhatSomebodyOnlyLooksAtIsForgotten) {
  Claim monitor = claim("monitor", "mock0");
  monitor.devices[0].admin_access = true;
  absentees_.prepared(monitor);
  set("mock1");
  EXPECT_THAT(all(), ElementsAre("mock1 healthy"));
}

TEST_F(AbsenteesTest, ComeBack) {
  absentees_.set_devices({});
  EXPECT_THAT(all(), ElementsAre("mock1 gone"));
  set("mock1");
  EXPECT_THAT(all(), ElementsAre("mock1 healthy"));
}

TEST_F(AbsenteesTest, WhatComesBackHasNoOwner) {
  ASSERT_TRUE(machine_.take("mock1", owner_uuid(ClaimUid("a"))));
  set("mock0", "mock1");
  EXPECT_THAT(absentees_.unowned(), IsEmpty());
  set("mock0");
  EXPECT_THAT(absentees_.unowned(), IsEmpty());
  machine_.device("mock1").readings.reset();
  set("mock0", "mock1");
  EXPECT_THAT(absentees_.unowned(), IsEmpty()) << "it does not answer";
  machine_.device("mock1").readings.emplace();
  set("mock0", "mock1");
  EXPECT_THAT(absentees_.unowned(),
              ElementsAre(Unowned{.claim = ClaimUid("a"), .device = "mock1"}));
  absentees_.prepared(claim("a", "mock0"));
  EXPECT_THAT(absentees_.unowned(), ElementsAre(Unowned{.claim = ClaimUid("a"), .device = "mock0"}))
      << "what the claim was given before is not its own";
  absentees_.unprepared(ClaimUid("a"));
  EXPECT_THAT(absentees_.unowned(), IsEmpty());
}

TEST_F(AbsenteesTest, GoWithTheLastClaimThatHasThem) {
  absentees_.prepared(claim("shares it", "mock1"));
  set("mock0");
  absentees_.unprepared(ClaimUid("a"));
  EXPECT_FALSE(changed());
  EXPECT_THAT(all(), ElementsAre("mock0 healthy", "mock1 gone"));
  absentees_.unprepared(ClaimUid("shares it"));
  EXPECT_TRUE(changed());
  EXPECT_THAT(all(), ElementsAre("mock0 healthy"));
  EXPECT_FALSE(changed());
  absentees_.prepared(claim("told of again", "mock1"));
  EXPECT_THAT(all(), ElementsAre("mock0 healthy", "mock1 gone"));
}

TEST_F(AbsenteesTest, SayOnceThatAllClaimsAreKnown) {
  EXPECT_FALSE(absentees_.knows_all_claims());
  absentees_.told_of_all();
  EXPECT_TRUE(absentees_.knows_all_claims());
  EXPECT_TRUE(changed());
  EXPECT_THAT(all(), ElementsAre("mock0 healthy", "mock1 healthy"));
  absentees_.told_of_all();
  EXPECT_FALSE(changed());
}

TEST_F(AbsenteesTest, OfADeviceThatIsThereNothingIsReleased) {
  absentees_.unprepared(ClaimUid("a"));
  absentees_.unprepared(ClaimUid("unknown"));
  EXPECT_FALSE(changed());
  absentees_.set_devices({});
  EXPECT_THAT(all(), IsEmpty());
}

}  // namespace
}  // namespace mockdev::dra
