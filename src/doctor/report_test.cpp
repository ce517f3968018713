// SPDX-License-Identifier: Apache-2.0
#include "doctor/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::doctor {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Report sample() {
  Report report;
  report.begin("node.kernel");
  report.ok("node0", "6.12.1");
  report.begin("node.module");
  report.add(Severity::error, "node0", "not loaded", {.needed = "mock-accel", .remedy = "load it"});
  return report;
}

TEST(Report, CountsBySeverity) {
  EXPECT_EQ(sample().count(Severity::ok), 1U);
  EXPECT_EQ(sample().count(Severity::error), 1U);
  EXPECT_EQ(sample().count(Severity::warning), 0U);
}

TEST(Report, ComesBackFromItsJson) {
  const auto document = json::parse(to_json(sample(), "0.1.0").dump());
  EXPECT_EQ(document["version"], "0.1.0");
  EXPECT_EQ(document["summary"], json({{"ok", 1}, {"note", 0}, {"warning", 0}, {"error", 1}}));
  Report back;
  ASSERT_TRUE(add_from_json(document, back));
  EXPECT_EQ(back.findings(), sample().findings());
}

TEST(Report, IsNotReadFromSomethingElse) {
  Report report;
  EXPECT_FALSE(add_from_json(json::array(), report));
  EXPECT_FALSE(add_from_json({{"findings", "none"}}, report));
  EXPECT_FALSE(add_from_json({{"findings", json::array({1})}}, report));
  const auto unknown =
      add_from_json({{"findings", json::array({{{"id", "x"}, {"severity", "awful"}}})}}, report);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("awful"));
  EXPECT_TRUE(report.findings().empty());
}

}  // namespace
}  // namespace mockdev::doctor
