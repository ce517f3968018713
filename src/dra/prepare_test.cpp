// SPDX-License-Identifier: Apache-2.0
#include "dra/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "dra/testing.h"

namespace mockdev::dra {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

const ClaimUid kOther("99999999-8888-4777-8666-555555555555");

Claim claim(const ClaimUid& uid, const std::vector<std::string>& devices) {
  Claim made{.ns = "default", .name = "c", .uid = uid, .pods = {}, .devices = {}};
  for (const std::string& device : devices) {
    made.devices.push_back({.request = "r",
                            .requested_as = "r",
                            .pool = PoolName("n1/numa0"),
                            .device = DeviceName(device)});
  }
  return made;
}

class Prepare : public testing::Test {
 protected:
  Prepare() {
    machine_.add("mock0");
    machine_.add("mock1");
    machine_.add("mock1_vf0");
  }
  [[nodiscard]] std::string complaint(const Claim& wanted) {
    const auto prepared = preparer_.prepare(wanted);
    return prepared ? "none" : prepared.error().message;
  }
  [[nodiscard]] std::vector<ClaimUid> described() const { return *cdi_.claims(); }

  TemporaryFolder folder_;
  FakeAccelerators machine_;
  CdiFolder cdi_{folder_.path() / "cdi", DriverName("mock-accel.example.com")};
  Preparer preparer_{machine_, cdi_};
};

TEST_F(Prepare, TakesAndDescribesTheDevices) {
  const auto prepared = preparer_.prepare(claim(kUid, {"mock0", "mock1-vf0"}));
  ASSERT_TRUE(prepared) << prepared.error().message;
  ASSERT_THAT(*prepared, SizeIs(2));
  EXPECT_EQ(prepared->back().request, "r");
  EXPECT_EQ(prepared->back().pool, PoolName("n1/numa0"));
  EXPECT_EQ(prepared->back().device, DeviceName("mock1-vf0"));
  EXPECT_THAT(prepared->back().cdi_ids,
              ElementsAre("k8s.mock-accel.example.com/claim="
                          "11111111-2222-4333-8444-555555555555-mock1-vf0"));
  EXPECT_EQ(machine_.owner("mock1_vf0"), owner_uuid(kUid));
  EXPECT_THAT(described(), ElementsAre(kUid));
}

TEST_F(Prepare, ReadsNoDevicesButTheClaims) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock1-vf0"})));
  ASSERT_TRUE(preparer_.unprepare(kUid));
  EXPECT_EQ(machine_.looked_at, 1U);
}

TEST_F(Prepare, AgainIsTheSame) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  machine_.log.clear();
  Preparer restarted(machine_, cdi_);
  restarted.resume();
  ASSERT_TRUE(restarted.prepare(claim(kUid, {"mock0"})));
  EXPECT_THAT(machine_.log, IsEmpty());
}

TEST_F(Prepare, TakesADeviceAgainThatHasComeBack) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  machine_.device("mock0").readings.emplace();
  EXPECT_TRUE(preparer_.take_again(kUid, "mock0").value());
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kUid));
  EXPECT_FALSE(preparer_.take_again(kUid, "mock0").value()) << "it has it";

  ASSERT_TRUE(preparer_.unprepare(kUid));
  EXPECT_FALSE(preparer_.take_again(kUid, "mock0").value());
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

TEST_F(Prepare, KeepsNoFileOfACardThatIsGone) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  EXPECT_EQ(machine_.opened["mock0"], 1U);
  preparer_.resume();
  EXPECT_EQ(machine_.opened["mock0"], 1U);
  machine_.replug("mock0");
  ASSERT_TRUE(preparer_.take_again(kUid, "mock0").value());
  EXPECT_EQ(machine_.opened["mock0"], 2U);
  machine_.replug("mock0");
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  EXPECT_EQ(machine_.opened["mock0"], 3U);
}

TEST_F(Prepare, DoesNotTakeADeviceAgainThatSomebodyElseGot) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  machine_.device("mock0").readings->owner = owner_uuid(kOther);
  const auto refused = preparer_.take_again(kUid, "mock0");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("held by another claim, " + kOther.text()));
  machine_.device("mock0").readings->owner.reset();
  EXPECT_THAT(preparer_.take_again(kUid, "mock0").error().message, HasSubstr("by hand"));
}

TEST_F(Prepare, FinishesWhatAKilledProcessBegan) {
  ASSERT_TRUE(machine_.take("mock0", owner_uuid(kUid)));  // and then it died
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0", "mock1"})));
  EXPECT_EQ(machine_.owner("mock1"), owner_uuid(kUid));
  EXPECT_THAT(described(), ElementsAre(kUid));
}

TEST_F(Prepare, RefusesADeviceOfAnotherClaimAndNamesThat) {
  ASSERT_TRUE(preparer_.prepare(claim(kOther, {"mock1"})));
  EXPECT_EQ(complaint(claim(kUid, {"mock0", "mock1"})),
            "device mock1 is held by another claim, 99999999-8888-4777-8666-555555555555");
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
  EXPECT_EQ(machine_.owner("mock1"), owner_uuid(kOther));
  EXPECT_THAT(described(), ElementsAre(kOther));
}

TEST_F(Prepare, RefusesADeviceThatSomebodyAllocatedByHand) {
  machine_.device("mock0").readings->status = discovery::Status::allocated;
  EXPECT_EQ(complaint(claim(kUid, {"mock0"})), "device mock0 is allocated by hand (status is 1)");
}

TEST_F(Prepare, GivesBackOnlyWhatThisCallTook) {
  ASSERT_TRUE(machine_.take("mock0", owner_uuid(kUid)));
  machine_.broken.insert("mock1_vf0");
  EXPECT_EQ(complaint(claim(kUid, {"mock0", "mock1", "mock1-vf0"})), "mock1_vf0: owner: refused");
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kUid));
  EXPECT_EQ(machine_.owner("mock1"), std::nullopt);
}

TEST_F(Prepare, AFileThatCanNotBeWrittenGivesEverythingBack) {
  fs::remove_all(folder_.path() / "cdi");
  ASSERT_TRUE(write_file(folder_.path() / "cdi", "in the way"));
  EXPECT_THAT(complaint(claim(kUid, {"mock0", "mock1"})), HasSubstr("cdi"));
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
  EXPECT_EQ(machine_.owner("mock1"), std::nullopt);
}

TEST_F(Prepare, SaysWhyADeviceIsNotThere) {
  EXPECT_EQ(complaint(claim(kUid, {"mock7"})), "device mock7: this node has no such device");
  machine_.inventory.problems.push_back({.device = "mock8", .message = "uuid: broken"});
  EXPECT_EQ(complaint(claim(kUid, {"mock8"})), "device mock8: uuid: broken");
  machine_.device("mock0").abi_version = 9;
  EXPECT_THAT(complaint(claim(kUid, {"mock0"})), HasSubstr("abi_version 9 is none of 1 to"));
  machine_.inventory = {};
  EXPECT_EQ(complaint(claim(kUid, {"mock0"})),
            "device mock0: the kernel module mock-accel is not loaded");
}

TEST_F(Prepare, AdminAccessLooksWithoutTaking) {
  ASSERT_TRUE(preparer_.prepare(claim(kOther, {"mock0"})));
  Claim admin = claim(kUid, {"mock0"});
  admin.devices.front().admin_access = true;
  ASSERT_TRUE(preparer_.prepare(admin));
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kOther));
  ASSERT_TRUE(preparer_.unprepare(kUid));
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kOther));
  EXPECT_THAT(described(), ElementsAre(kOther));
}

TEST_F(Prepare, AClaimOfOtherDriversGetsNothing) {
  const auto prepared = preparer_.prepare(claim(kUid, {}));
  ASSERT_TRUE(prepared);
  EXPECT_THAT(*prepared, IsEmpty());
  EXPECT_THAT(described(), IsEmpty());
}

TEST_F(Prepare, AUidThatIsNoUuidHoldsADeviceToo) {
  const ClaimUid odd("static-claim");
  ASSERT_TRUE(preparer_.prepare(claim(odd, {"mock0"})));
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(odd));
  ASSERT_TRUE(preparer_.unprepare(odd));
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

TEST_F(Prepare, UnprepareFreesTheClaimsDevicesOnly) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  ASSERT_TRUE(preparer_.prepare(claim(kOther, {"mock1"})));
  ASSERT_TRUE(preparer_.unprepare(kUid));
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
  EXPECT_EQ(machine_.owner("mock1"), owner_uuid(kOther));
  EXPECT_THAT(described(), ElementsAre(kOther));
}

TEST_F(Prepare, UnprepareOfAnUnknownClaimSucceeds) {
  EXPECT_TRUE(preparer_.unprepare(kUid));
  EXPECT_THAT(machine_.log, IsEmpty());
}

TEST_F(Prepare, ADeviceThatDoesNotAnswerDoesNotHoldUpItsClaim) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  machine_.device("mock0").health = discovery::Health::failed;
  machine_.device("mock0").readings.reset();
  EXPECT_TRUE(preparer_.unprepare(kUid));
  EXPECT_THAT(described(), IsEmpty());
}

TEST_F(Prepare, ADeviceThatCanNotBeFreedIsAnError) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0"})));
  machine_.broken.insert("mock0");
  const auto done = preparer_.unprepare(kUid);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "mock0: owner: refused");
  machine_.broken.clear();
  EXPECT_TRUE(preparer_.unprepare(kUid));
}

TEST_F(Prepare, ADeviceThatCanNotBeFreedDoesNotKeepTheOthersFromIt) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0", "mock1"})));
  machine_.broken.insert("mock0");
  EXPECT_FALSE(preparer_.unprepare(kUid));
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kUid));
  EXPECT_EQ(machine_.owner("mock1"), std::nullopt);
}

TEST_F(Prepare, ADeviceIsTakenAwayFromItsHolderOnly) {
  ASSERT_TRUE(preparer_.prepare(claim(kUid, {"mock0", "mock1"})));
  EXPECT_TRUE(preparer_.take_away(owner_uuid(kOther), "mock0"));
  EXPECT_TRUE(preparer_.take_away(owner_uuid(kUid), "mock9"));
  EXPECT_EQ(machine_.owner("mock0"), owner_uuid(kUid));
  EXPECT_TRUE(preparer_.take_away(owner_uuid(kUid), "mock0"));
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
  EXPECT_EQ(machine_.owner("mock1"), owner_uuid(kUid));
}

/// The same with files that say what the devices are.
class PrepareWithMetadata : public Prepare {
 protected:
  TemporaryFolder metadata_folder_;
  MetadataFolder metadata_{
      metadata_folder_.path() / "metadata",
      {.driver = DriverName("mock-accel.example.com"), .node = NodeName("n1")}};
  Preparer documenting_{machine_, cdi_, metadata_};
};

TEST_F(PrepareWithMetadata, TheFirstDeviceOfEachRequestBringsItsFile) {
  Claim wanted = claim(kUid, {"mock0", "mock1", "mock1-vf0"});
  wanted.devices.front().request = "first";
  const auto prepared = documenting_.prepare(wanted);
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_THAT(prepared->at(0).cdi_ids, ElementsAre(cdi_.device_id(kUid, DeviceName("mock0")),
                                                   cdi_.metadata_id(kUid, "first")));
  EXPECT_THAT(prepared->at(1).cdi_ids,
              ElementsAre(cdi_.device_id(kUid, DeviceName("mock1")), cdi_.metadata_id(kUid, "r")));
  EXPECT_THAT(prepared->at(2).cdi_ids, ElementsAre(cdi_.device_id(kUid, DeviceName("mock1-vf0"))));
  EXPECT_THAT(*metadata_.claims(), ElementsAre(kUid));
  ASSERT_TRUE(documenting_.unprepare(kUid));
  EXPECT_THAT(*metadata_.claims(), IsEmpty());
  EXPECT_THAT(described(), IsEmpty());
}

TEST_F(PrepareWithMetadata, AFileThatCanNotBeWrittenGivesEverythingBack) {
  ASSERT_TRUE(write_file(metadata_folder_.path() / "metadata", "in the way"));
  const auto prepared = documenting_.prepare(claim(kUid, {"mock0"}));
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().message, HasSubstr("device metadata"));
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
  EXPECT_THAT(described(), IsEmpty());
}

TEST_F(PrepareWithMetadata, FilesAloneMakeAHolder) {
  ASSERT_TRUE(documenting_.prepare(claim(kUid, {"mock0"})));
  ASSERT_TRUE(machine_.free("mock0"));
  ASSERT_TRUE(cdi_.remove(kUid));
  EXPECT_THAT(documenting_.holders(), ElementsAre(Pair(owner_uuid(kUid), IsEmpty())));
  ASSERT_TRUE(documenting_.remove_holder(owner_uuid(kUid)));
  EXPECT_THAT(documenting_.holders(), IsEmpty());
}

TEST_F(Prepare, HoldersAreKnownByDevicesAndByFiles) {
  ASSERT_TRUE(machine_.take("mock0", owner_uuid(kUid)));
  ASSERT_TRUE(preparer_.prepare(claim(kOther, {"mock1"})));
  ASSERT_TRUE(machine_.free("mock1"));
  EXPECT_THAT(preparer_.holders(), ElementsAre(Pair(owner_uuid(kUid), ElementsAre("mock0")),
                                               Pair(owner_uuid(kOther), IsEmpty())));
  ASSERT_TRUE(preparer_.remove_holder(owner_uuid(kUid)));
  ASSERT_TRUE(preparer_.remove_holder(owner_uuid(kOther)));
  EXPECT_THAT(preparer_.holders(), IsEmpty());
  EXPECT_EQ(machine_.owner("mock0"), std::nullopt);
}

}  // namespace
}  // namespace mockdev::dra
