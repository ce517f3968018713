// SPDX-License-Identifier: Apache-2.0
#include "workload/report.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::workload {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Variable of(const std::map<std::string, std::string>& environment) {
  return [&environment](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  };
}

TEST(GivenDevices, AreThoseOfTheEnvironment) {
  const std::map<std::string, std::string> environment = {
      {"MOCK_ACCEL_DEVICES", "mock0,mock1_vf3"},
      {"MOCK_ACCEL_1_UUID", "123e4567-e89b-12d3-a456-426614174000"}};
  const auto given = given_devices(of(environment));
  ASSERT_TRUE(given);
  ASSERT_EQ(given->size(), 2);
  EXPECT_EQ(given->at(0).name, "mock0");
  EXPECT_EQ(given->at(0).uuid, std::nullopt);
  EXPECT_EQ(given->at(1).name, "mock1_vf3");
  EXPECT_EQ(to_string(*given->at(1).uuid), "123e4567-e89b-12d3-a456-426614174000");
}

TEST(GivenDevices, AreNoneWithoutAWord) {
  const std::map<std::string, std::string> nothing;
  EXPECT_THAT(*given_devices(of(nothing)), IsEmpty());
  const std::map<std::string, std::string> empty = {{"MOCK_ACCEL_DEVICES", ",,"}};
  EXPECT_THAT(*given_devices(of(empty)), IsEmpty());
}

TEST(GivenDevices, HaveUuids) {
  const std::map<std::string, std::string> bad = {{"MOCK_ACCEL_DEVICES", "mock0"},
                                                  {"MOCK_ACCEL_0_UUID", "me"}};
  EXPECT_THAT(given_devices(of(bad)).error().message,
              testing::StartsWith("MOCK_ACCEL_0_UUID: me is not a UUID"));
}

TEST(Strangers, AreWhatNobodyGave) {
  const std::vector<Given> given = {{.name = "mock1", .uuid = std::nullopt}};
  EXPECT_THAT(strangers({"mock0", "mock1", "mock1_vf0"}, given), ElementsAre("mock0", "mock1_vf0"));
}

}  // namespace
}  // namespace mockdev::workload
