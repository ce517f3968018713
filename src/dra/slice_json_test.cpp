// SPDX-License-Identifier: Apache-2.0
#include "dra/slice_json.h"

#include <gtest/gtest.h>

namespace mockdev::dra {
namespace {

using nlohmann::json;

Slice full_slice() {
  return {
      .devices = {{.name = DeviceName("mock0"),
                   .attributes = {{"uuid", "abc"}, {"numaNode", 1}},
                   .capacity = {{"memory", std::uint64_t{16} << 30U}},
                   .consumes = {{.counter_set = "mock0-vfs", .counter = "vfs", .amount = 2}},
                   .taints = {{.key = "x/health", .value = "degraded", .effect = "NoSchedule"}}}},
      .counter_sets = {{.name = "mock0-vfs", .counters = {{"vfs", 2}}}}};
}

const json kFlat = json::parse(R"({
  "devices": [{
    "name": "mock0",
    "attributes": {"uuid": {"string": "abc"}, "numaNode": {"int": 1}},
    "capacity": {"memory": {"value": "16Gi"}},
    "consumesCounters": [{"counterSet": "mock0-vfs", "counters": {"vfs": {"value": "2"}}}],
    "taints": [{"key": "x/health", "value": "degraded", "effect": "NoSchedule"}]
  }],
  "sharedCounters": [{"name": "mock0-vfs", "counters": {"vfs": {"value": "2"}}}]
})");

TEST(SliceJson, IsFlatInNewVersions) {
  EXPECT_EQ(content_json(full_slice(), "v1"), kFlat);
  EXPECT_EQ(content_json(full_slice(), "v1beta2"), kFlat);
}

TEST(SliceJson, HasABasicPartInV1beta1) {
  json expected = kFlat;
  json body = expected["devices"][0];
  body.erase("name");
  expected["devices"][0] = {{"name", "mock0"}, {"basic", body}};
  EXPECT_EQ(content_json(full_slice(), "v1beta1"), expected);
}

TEST(SliceJson, HasBareQuantitiesInV1alpha3) {
  const json content = content_json(full_slice(), "v1alpha3");
  EXPECT_EQ(content["devices"][0]["basic"]["capacity"], json({{"memory", "16Gi"}}));
}

TEST(SliceJson, QuantitiesHaveTheLargestUnitThatDividesThem) {
  const auto printed = [](std::uint64_t bytes) {
    const Slice slice{.devices = {{.name = DeviceName("d"),
                                   .attributes = {},
                                   .capacity = {{"memory", bytes}},
                                   .consumes = {},
                                   .taints = {}}},
                      .counter_sets = {}};
    return content_json(slice, "v1")["devices"][0]["capacity"]["memory"]["value"];
  };
  EXPECT_EQ(printed(0), "0");
  EXPECT_EQ(printed(1023), "1023");
  EXPECT_EQ(printed(1536U << 20U), "1536Mi");
  EXPECT_EQ(printed(std::uint64_t{1} << 40U), "1Ti");
}

TEST(NormalizedContent, ForgetsWhatTheServerAdds) {
  json stored = kFlat;
  stored["driver"] = "d";
  stored["pool"] = {{"name", "p"}};
  stored["devices"][0]["taints"][0]["timeAdded"] = "2026-11-26T00:00:00Z";
  stored["devices"][0]["bindingConditions"] = json::array();
  stored["devices"][0]["nodeName"] = nullptr;
  EXPECT_EQ(normalized_content(stored), normalized_content(kFlat));
}

TEST(NormalizedContent, ComparesQuantitiesByWhatTheyMean) {
  json stored = kFlat;
  stored["devices"][0]["capacity"]["memory"]["value"] = "16384Mi";
  EXPECT_EQ(normalized_content(stored), normalized_content(kFlat));
  stored["devices"][0]["capacity"]["memory"]["value"] = "17Gi";
  EXPECT_NE(normalized_content(stored), normalized_content(kFlat));
}

TEST(NormalizedContent, SeesWhatSomebodyElseAdded) {
  json stored = kFlat;
  stored["devices"][0]["attributes"]["extra"] = {{"bool", true}};
  EXPECT_NE(normalized_content(stored), normalized_content(kFlat));
  stored = kFlat;
  stored["devices"][0]["allowMultipleAllocations"] = true;
  EXPECT_NE(normalized_content(stored), normalized_content(kFlat));
}

TEST(DroppedFieldsTest, NamesWhatDidNotComeBack) {
  json stored = kFlat;
  EXPECT_FALSE(dropped_fields(kFlat, stored).taints);
  stored["devices"][0].erase("taints");
  EXPECT_TRUE(dropped_fields(kFlat, stored).taints);
  EXPECT_FALSE(dropped_fields(kFlat, stored).counters);
  stored["devices"][0].erase("consumesCounters");
  EXPECT_TRUE(dropped_fields(kFlat, stored).counters);
}

}  // namespace
}  // namespace mockdev::dra
