// SPDX-License-Identifier: Apache-2.0
#include "dra/claim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::dra {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const DriverName kDriver("mock-accel.example.com");
class ClaimParsing : public testing::Test {
 protected:
  [[nodiscard]] Result<Claim> parse() const { return parse_claim(object_, kUid, kDriver); }
  [[nodiscard]] std::string complaint() const {
    const auto claim = parse();
    return claim ? "none" : claim.error().message;
  }
  json& allocation() { return object_["status"]["allocation"]["devices"]; }
  void configure(const json& parameters) {
    allocation()["config"] = {
        {{"source", "FromClaim"},
         {"opaque", {{"driver", kDriver.text()}, {"parameters", parameters}}}}};
  }
  static json settings(const json& env) {
    return {{"apiVersion", "config.mock-accel.example.com/v1"},
            {"kind", "MockAccelConfig"},
            {"env", env}};
  }

  json object_ = json::parse(R"({
    "metadata": {"namespace": "default", "name": "two", "uid": "11111111-2222-4333-8444-555555555555"},
    "status": {
      "reservedFor": [{"resource": "pods", "name": "pod-a", "uid": "x"}],
      "allocation": {"devices": {"results": [
        {"request": "big/first", "driver": "mock-accel.example.com", "pool": "n1/numa0", "device": "mock0"},
        {"request": "gpu", "driver": "gpu.example.com", "pool": "n1", "device": "gpu0"},
        {"request": "look", "driver": "mock-accel.example.com", "pool": "n1/numa1", "device": "mock1-vf0",
         "adminAccess": true, "shareID": "abc"}
      ]}}
    }
  })");
};

TEST_F(ClaimParsing, KeepsTheResultsOfThisDriver) {
  const auto claim = parse();
  ASSERT_TRUE(claim) << claim.error().message;
  EXPECT_EQ(to_string(*claim), "default/two (11111111-2222-4333-8444-555555555555)");
  EXPECT_THAT(claim->pods, ElementsAre("pod-a"));
  ASSERT_THAT(claim->devices, SizeIs(2));
  EXPECT_EQ(claim->devices[0].request, "big");
  EXPECT_EQ(claim->devices[0].pool, PoolName("n1/numa0"));
  EXPECT_EQ(claim->devices[0].device, DeviceName("mock0"));
  EXPECT_FALSE(claim->devices[0].admin_access);
  EXPECT_EQ(claim->devices[0].share_id, std::nullopt);
  EXPECT_TRUE(claim->devices[1].admin_access);
  EXPECT_EQ(claim->devices[1].share_id, "abc");
}

TEST_F(ClaimParsing, KnowsWhereItComesFrom) {
  EXPECT_EQ(parse()->devices[0].requested_as, "big/first");
  EXPECT_EQ(parse()->pod_claim_name, std::nullopt);
  object_["metadata"]["annotations"] = {{"resource.kubernetes.io/pod-claim-name", "mine"}};
  EXPECT_EQ(parse()->pod_claim_name, "mine");
}

TEST_F(ClaimParsing, AClaimWithoutDevicesOfThisDriverIsAClaim) {
  allocation()["results"].erase(2);
  allocation()["results"].erase(0);
  EXPECT_THAT(parse()->devices, IsEmpty());
}

TEST_F(ClaimParsing, RefusesAClaimThatIsNotAllocated) {
  object_["status"].erase("allocation");
  EXPECT_EQ(complaint(), "claim default/two: it is not allocated");
  object_.erase("status");
  EXPECT_EQ(complaint(), "claim default/two: it is not allocated");
}

TEST_F(ClaimParsing, RefusesAClaimThatWasReplaced) {
  object_["metadata"]["uid"] = "other";
  EXPECT_THAT(complaint(), HasSubstr("its UID is other and not 11111111"));
}

TEST_F(ClaimParsing, SurvivesJsonOfAnyShape) {
  for (const char* const text : {"null", "[]", "7", R"({"metadata":[]})"}) {
    EXPECT_FALSE(parse_claim(json::parse(text), kUid, kDriver)) << text;
  }
}

TEST_F(ClaimParsing, SettingsOfTheClaimWinOverThoseOfTheClass) {
  const json of_class = settings({{"A", "class"}, {"B", "class"}});
  const json of_claim = settings({{"A", "claim"}});
  configure(of_class);
  allocation()["config"].push_back(
      {{"source", "FromClaim"},
       {"requests", {"big"}},
       {"opaque", {{"driver", kDriver.text()}, {"parameters", of_claim}}}});
  const auto claim = parse();
  ASSERT_TRUE(claim) << claim.error().message;
  EXPECT_THAT(claim->devices[0].env, ElementsAre(Pair("A", "claim"), Pair("B", "class")));
  EXPECT_THAT(claim->devices[1].env, ElementsAre(Pair("A", "class"), Pair("B", "class")));
}

TEST_F(ClaimParsing, SettingsOfOtherDriversAreNotItsBusiness) {
  configure("nonsense");
  allocation()["config"][0]["opaque"]["driver"] = "gpu.example.com";
  EXPECT_THAT(parse()->devices.front().env, IsEmpty());
}

TEST_F(ClaimParsing, BadSettingsNameTheField) {
  const std::string where =
      "claim default/two: status.allocation.devices.config[0].opaque.parameters: ";
  configure({{"kind", "GpuConfig"}});
  EXPECT_EQ(complaint(), where + "kind: \"GpuConfig\" is not MockAccelConfig");
  configure({{"kind", "MockAccelConfig"}, {"apiVersion", "v1"}});
  EXPECT_EQ(complaint(), where + "apiVersion: \"v1\" is not config.mock-accel.example.com/v1");
  configure("x");
  EXPECT_EQ(complaint(), where + "\"x\" is not a map");
  json extra = settings(json::object());
  extra["color"] = "red";
  configure(extra);
  EXPECT_EQ(complaint(), where + "color: there is no such field; there is env");
  configure(settings({{"A", 1}}));
  EXPECT_EQ(complaint(), where + "env.A: 1 is not a text");
  configure(settings({{"A=B", "x"}}));
  EXPECT_THAT(complaint(), HasSubstr("env: \"A=B\" is not the name of a variable"));
  configure(settings({{"MOCK_ACCEL_UUID", "x"}}));
  EXPECT_THAT(complaint(), HasSubstr("env.MOCK_ACCEL_UUID: names that begin with MOCK_ACCEL_"));
  configure(settings(json::array()));
  EXPECT_THAT(complaint(), HasSubstr("env: [] is not a map of texts"));
}

TEST(IsGiven, KnowsNodeAndDevice) {
  const auto claim = json::parse(R"({"status":{"allocation":{
      "devices":{"results":[
          {"driver":"mock-accel.example.com","pool":"n1/numa0","device":"mock0"},
          {"driver":"other.example.com","pool":"n1","device":"mock1"},
          {"driver":"mock-accel.example.com","pool":"n1/numa0","device":"mock2","adminAccess":true}
      ]},
      "nodeSelector":{"nodeSelectorTerms":[
          {"matchFields":[{"key":"metadata.name","operator":"In","values":["n1"]}]}]}}}})");
  const auto given = [&](const json& object, const char* node, const char* device) {
    return is_given(object, NodeName(node), DeviceName(device));
  };
  EXPECT_TRUE(given(claim, "n1", "mock0"));
  EXPECT_FALSE(given(claim, "n2", "mock0"));
  EXPECT_TRUE(given(claim, "n1", "mock1"));
  EXPECT_FALSE(given(claim, "n1", "mock2"));
  EXPECT_FALSE(given(claim, "n1", "mock3"));
  json anywhere = claim;
  anywhere["status"]["allocation"].erase("nodeSelector");
  EXPECT_TRUE(given(anywhere, "n2", "mock0"));
  EXPECT_FALSE(given(json::object(), "n1", "mock0"));
  EXPECT_FALSE(given(json(), "n1", "mock0"));
}

TEST(OwnerUuid, IsTheUidOrMadeFromIt) {
  EXPECT_EQ(to_string(owner_uuid(kUid)), kUid.text());
  const Uuid made = owner_uuid(ClaimUid("static-claim"));
  EXPECT_EQ(made, owner_uuid(ClaimUid("static-claim")));
  EXPECT_EQ(to_string(made)[14], '5');
  EXPECT_FALSE(owner_uuid(ClaimUid("00000000-0000-0000-0000-000000000000")).is_nil());
}

}  // namespace
}  // namespace mockdev::dra
