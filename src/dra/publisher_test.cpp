// SPDX-License-Identifier: Apache-2.0
#include "dra/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::dra {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const kube::Resource kNode{.version = "v1", .plural = "nodes", .name = "n1"};

class Publishing : public testing::Test {
 protected:
  Publishing() {
    api_.put(kNode, {{"metadata", {{"uid", "node-uid"}}}});
    machine_.add("mock0");
  }
  Result<Published> publish() {
    api_.writes.clear();
    return publisher_.publish(make_pools(machine_.inventory.devices, slice_settings_, features_));
  }
  Result<Published> publish_changes() {
    api_.writes.clear();
    api_.questions = 0;
    return publisher_.publish_changes(
        make_pools(machine_.inventory.devices, slice_settings_, features_));
  }
  /// The slices that the server has, by pool and then name.
  [[nodiscard]] std::vector<json> slices() const {
    std::vector<json> all;
    for (const auto& [path, object] : api_.objects) {
      if (path.find("resourceslices") != std::string::npos) all.push_back(object);
    }
    return all;
  }
  [[nodiscard]] json& only_slice() {
    for (auto& [path, object] : api_.objects) {
      if (path.find("resourceslices") != std::string::npos) return object;
    }
    throw std::runtime_error("no slice");
  }
  [[nodiscard]] static int generation(const json& slice) {
    return slice["spec"]["pool"]["generation"].get<int>();
  }
  void add_devices(int count) {
    for (int number = 1; number <= count; ++number) machine_.add(fmt::format("mock{}", number));
  }

  FakeApi api_;
  FakeAccelerators machine_;
  SliceSettings slice_settings_{.driver = DriverName("mock-accel.example.com"),
                                .node = NodeName("n1")};
  SliceFeatures features_;
  Publisher publisher_{api_,
                       {.driver = DriverName("mock-accel.example.com"),
                        .node = NodeName("n1"),
                        .api_version = "v1"}};
};

TEST_F(Publishing, MakesASliceThatBelongsToTheNode) {
  const auto done = publish();
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_THAT(slices(), SizeIs(1));
  const json& slice = only_slice();
  EXPECT_EQ(slice["apiVersion"], "resource.k8s.io/v1");
  EXPECT_EQ(slice["kind"], "ResourceSlice");
  EXPECT_EQ(slice["metadata"]["generateName"], "00000-mock-accel.example.com-n1-");
  EXPECT_EQ(slice["metadata"]["ownerReferences"],
            json::parse(R"([{"apiVersion":"v1","kind":"Node","name":"n1","uid":"node-uid",
                             "controller":true}])"));
  EXPECT_EQ(slice["spec"]["driver"], "mock-accel.example.com");
  EXPECT_EQ(slice["spec"]["nodeName"], "n1");
  EXPECT_EQ(slice["spec"]["pool"],
            json::parse(R"({"name":"n1/numa0","generation":1,"resourceSliceCount":1})"));
  EXPECT_EQ(slice["spec"]["devices"][0]["name"], "mock0");
}

TEST_F(Publishing, OlderServersWantTheNodeFirstInTheName) {
  Publisher older(api_, {.driver = DriverName("d"),
                         .node = NodeName("n1"),
                         .api_version = "v1",
                         .ordered_names = false});
  ASSERT_TRUE(older.publish(make_pools(machine_.inventory.devices, slice_settings_, features_)));
  EXPECT_EQ(only_slice()["metadata"]["generateName"], "n1-d-");
}

TEST_F(Publishing, WritesNothingWhenNothingChanged) {
  ASSERT_TRUE(publish());
  const auto again = publish();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->writes(), 0U);
  EXPECT_THAT(api_.writes, IsEmpty());
}

TEST_F(Publishing, AnotherProcessFindsItsSlices) {
  ASSERT_TRUE(publish());
  Publisher restarted(api_, {.driver = DriverName("mock-accel.example.com"),
                             .node = NodeName("n1"),
                             .api_version = "v1"});
  const auto done =
      restarted.publish(make_pools(machine_.inventory.devices, slice_settings_, features_));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->writes(), 0U);
}

TEST_F(Publishing, OneChangedSliceKeepsItsGeneration) {
  ASSERT_TRUE(publish());
  machine_.device("mock0").health = discovery::Health::degraded;
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, ElementsAre("update"));
  EXPECT_EQ(generation(only_slice()), 1);
  EXPECT_EQ(only_slice()["spec"]["devices"][0]["taints"][0]["effect"], "NoSchedule");
}

TEST_F(Publishing, AnotherSliceBeginsAGeneration) {
  ASSERT_TRUE(publish());
  add_devices(128);
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, ElementsAre("update", "create"));
  for (const json& slice : slices()) {
    EXPECT_EQ(generation(slice), 2);
    EXPECT_EQ(slice["spec"]["pool"]["resourceSliceCount"], 2);
  }
}

TEST_F(Publishing, TwoChangedSlicesBeginAGeneration) {
  add_devices(128);
  ASSERT_TRUE(publish());
  EXPECT_EQ(generation(slices().front()), 1);
  for (auto& device : machine_.inventory.devices) device.fw_version = "unpublished";
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, IsEmpty());
  machine_.device("mock0").uuid = {};
  machine_.device("mock128").uuid = {};
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, ElementsAre("update", "update"));
  EXPECT_EQ(generation(slices().back()), 2);
}

TEST_F(Publishing, WhatIsTooMuchGoesFirst) {
  add_devices(128);
  ASSERT_TRUE(publish());
  machine_.inventory.devices.resize(1);
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, ElementsAre("delete", "update"));
  EXPECT_EQ(only_slice()["spec"]["pool"]["resourceSliceCount"], 1);
  EXPECT_EQ(generation(only_slice()), 1);
}

TEST_F(Publishing, APoolWithoutDevicesGoes) {
  ASSERT_TRUE(publish());
  machine_.inventory.devices.clear();
  ASSERT_TRUE(publish());
  EXPECT_THAT(slices(), IsEmpty());
}

TEST_F(Publishing, RepairsWhatSomebodyChanged) {
  ASSERT_TRUE(publish());
  only_slice()["spec"]["devices"][0]["attributes"].erase("mock-accel.example.com/uuid");
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, ElementsAre("update"));
  EXPECT_TRUE(
      only_slice()["spec"]["devices"][0]["attributes"].contains("mock-accel.example.com/uuid"));
}

TEST_F(Publishing, ComesBackAfterAWipe) {
  ASSERT_TRUE(publish());
  std::erase_if(api_.objects, [](const auto& object) {
    return object.first.find("resourceslices") != std::string::npos;
  });
  ASSERT_TRUE(publish());
  EXPECT_THAT(slices(), SizeIs(1));
}

TEST_F(Publishing, ObsoleteGenerationsGo) {
  ASSERT_TRUE(publish());
  json old = only_slice();
  only_slice()["spec"]["pool"]["generation"] = 7;
  api_.put(publisher_.collection().named("old"), old);
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, ElementsAre("delete"));
  EXPECT_EQ(generation(only_slice()), 7);
}

TEST_F(Publishing, AConflictIsAnErrorThatTheNextPassHeals) {
  ASSERT_TRUE(publish());
  machine_.device("mock0").health = discovery::Health::failed;
  api_.next_failure = kube::reason::kConflict;
  EXPECT_FALSE(publish());
  ASSERT_TRUE(publish());
  EXPECT_THAT(api_.writes, ElementsAre("update"));
}

TEST_F(Publishing, ABrokenPoolDoesNotKeepOthersBack) {
  machine_.add("mock1").numa_node = 1;
  api_.next_failure = kube::reason::kInvalid;
  const auto done = publish();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("Invalid"));
  ASSERT_THAT(slices(), SizeIs(1));
  EXPECT_EQ(only_slice()["spec"]["pool"]["name"], "n1/numa1");
}

TEST_F(Publishing, TaintsThatTheServerDropsAreReportedOnceAndNotWrittenAgain) {
  api_.on_store = [](json& object) {
    if (!object.contains("spec")) return;
    for (json& device : object["spec"]["devices"]) device.erase("taints");
  };
  machine_.device("mock0").health = discovery::Health::degraded;
  const auto done = publish();
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->dropped.taints);
  const auto again = publish();
  EXPECT_EQ(again->writes(), 0U);
}

TEST_F(Publishing, TaintsThatWereDroppedInAPassThatFailedAreReportedByTheNext) {
  api_.on_store = [&](json& object) {
    if (!object.contains("spec")) return;
    for (json& device : object["spec"]["devices"]) device.erase("taints");
    api_.next_failure = kube::reason::kConflict;  // of the other pool
  };
  machine_.device("mock0").health = discovery::Health::degraded;
  machine_.add("mock1").numa_node = 1;
  ASSERT_FALSE(publish());
  api_.on_store = nullptr;
  const auto done = publish();
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->dropped.taints);
  EXPECT_FALSE(publish()->dropped.taints);
}

TEST_F(Publishing, NoDeviceIsOfferedByAServerThatDropsCounters) {
  api_.on_store = [](json& object) {
    if (object.contains("spec")) object["spec"].erase("sharedCounters");
  };
  machine_.device("mock0").vfs = {.total = 4, .enabled = 1};
  machine_.add("mock0_vf0");
  const auto done = publish();
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->dropped.counters);
  ASSERT_THAT(slices(), SizeIs(1));
  EXPECT_FALSE(only_slice()["spec"].contains("devices"));
  features_.counters = CounterSupport::none;
  ASSERT_TRUE(publish());
  ASSERT_THAT(slices(), SizeIs(1));
  EXPECT_EQ(only_slice()["spec"]["devices"][0]["name"], "mock0-vf0");
}

TEST_F(Publishing, OwnWritesAreNoNews) {
  ASSERT_TRUE(publish());
  json slice = only_slice();
  EXPECT_FALSE(publisher_.saw(slice, false));
  EXPECT_TRUE(publisher_.saw(slice, true));
  slice["metadata"]["resourceVersion"] = "other";
  EXPECT_TRUE(publisher_.saw(slice, false));
  machine_.inventory.devices.clear();
  ASSERT_TRUE(publish());
  EXPECT_FALSE(publisher_.saw(slice, true));
}

TEST_F(Publishing, WhatItSeesDuringAPassIsJudgedAtItsEnd) {
  machine_.add("mock9").numa_node = 1;
  bool seen = false;
  api_.on_store = [&](json& /*object*/) {
    for (const auto& [path, stored] : api_.objects) {
      if (path.find("resourceslices") == std::string::npos) continue;
      EXPECT_FALSE(publisher_.saw(stored, false));
      seen = true;
    }
  };
  EXPECT_FALSE(publish()->overtaken) << "the event of the first write came before the second";
  EXPECT_TRUE(seen);

  machine_.add("mock10").numa_node = 1;
  api_.on_store = [&](json& /*object*/) {
    EXPECT_FALSE(publisher_.saw({{"metadata", {{"name", "foreign"}}}}, false));
  };
  EXPECT_TRUE(publish()->overtaken);
}

TEST_F(Publishing, WhatItAdoptsIsNoNews) {
  const json slice = {{"metadata", {{"name", "s"}, {"resourceVersion", "7"}}}};
  EXPECT_TRUE(publisher_.saw(slice, false));
  publisher_.adopt({slice});
  EXPECT_FALSE(publisher_.saw(slice, false));
  EXPECT_TRUE(publisher_.saw(slice, true));
}

TEST_F(Publishing, WhatItHasLeftItNeedNotAskFor) {
  ASSERT_TRUE(publish_changes());
  EXPECT_GT(api_.questions, 0U);
  for (const auto health : {discovery::Health::degraded, discovery::Health::healthy}) {
    machine_.device("mock0").health = health;
    ASSERT_TRUE(publish_changes());
    EXPECT_THAT(api_.writes, ElementsAre("update"));
    EXPECT_EQ(api_.questions, 0U);
  }
  EXPECT_EQ(only_slice()["metadata"]["ownerReferences"][0]["uid"], "node-uid");
  machine_.inventory.devices.clear();
  ASSERT_TRUE(publish_changes());
  EXPECT_THAT(slices(), IsEmpty());
}

TEST_F(Publishing, WhatSomebodyTouchedItAsksForAgain) {
  ASSERT_TRUE(publish_changes());
  json& touched = only_slice();
  touched["spec"]["devices"][0].erase("capacity");
  touched["metadata"]["resourceVersion"] = "another";
  EXPECT_TRUE(publisher_.saw(touched, false));
  ASSERT_TRUE(publish_changes());
  EXPECT_THAT(api_.writes, ElementsAre("update"));
  EXPECT_TRUE(only_slice()["spec"]["devices"][0].contains("capacity"));
}

TEST_F(Publishing, WhatSomebodyTouchedDuringAPassItAsksForAgain) {
  api_.on_store = [&](json& /*object*/) {
    EXPECT_FALSE(publisher_.saw({{"metadata", {{"name", "foreign"}}}}, false));
  };
  EXPECT_TRUE(publish_changes()->overtaken);
  api_.on_store = nullptr;
  ASSERT_TRUE(publish_changes());
  EXPECT_GT(api_.questions, 0U);
}

TEST_F(Publishing, AfterAFailureItAsksAgain) {
  ASSERT_TRUE(publish_changes());
  only_slice()["metadata"]["resourceVersion"] = "another";  // and no watch has told of it
  machine_.device("mock0").health = discovery::Health::degraded;
  EXPECT_FALSE(publish_changes());
  ASSERT_TRUE(publish_changes());
  EXPECT_THAT(api_.writes, ElementsAre("update"));
  EXPECT_GT(api_.questions, 0U);
}

TEST_F(Publishing, WithoutItsNodeThereAreNoSlices) {
  api_.objects.clear();
  const auto done = publish();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("nodes n1"));
}

}  // namespace
}  // namespace mockdev::dra
