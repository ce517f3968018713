// SPDX-License-Identifier: Apache-2.0
#include "accel/faults.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::accel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FaultsTest : public testing::Test {
 protected:
  Result<void> inject(std::string_view name, std::optional<double> value = std::nullopt) {
    return inject_fault(condition_, name, value);
  }
  std::string refusal(std::string_view name, std::optional<double> value = std::nullopt) {
    const Condition before = condition_;
    const auto result = inject(name, value);
    EXPECT_EQ(condition_, before);
    return result ? "accepted" : result.error().message;
  }

  Condition condition_;
};

TEST_F(FaultsTest, ADeviceIsHealthyAndAt45DegreesWithoutThem) {
  EXPECT_EQ(condition_.health(), Health::healthy);
  EXPECT_EQ(condition_.temperature(), 45'000);
  EXPECT_EQ(condition_.errors, 0U);
  EXPECT_THAT(active_faults(condition_), IsEmpty());
}

TEST_F(FaultsTest, TheWorstOfSeveralDecidesAboutHealth) {
  ASSERT_TRUE(inject("degraded"));
  EXPECT_EQ(condition_.health(), Health::degraded);
  ASSERT_TRUE(inject("failed"));
  EXPECT_EQ(condition_.health(), Health::failed);
  ASSERT_TRUE(heal_fault(condition_, "failed"));
  EXPECT_EQ(condition_.health(), Health::degraded);
}

TEST_F(FaultsTest, ThermalHeatsAndDegrades) {
  ASSERT_TRUE(inject("thermal"));
  EXPECT_EQ(condition_.temperature(), 95'000);
  EXPECT_EQ(condition_.health(), Health::degraded);
  ASSERT_TRUE(inject("thermal", 103.7));
  EXPECT_EQ(condition_.temperature(), 103'700);
  ASSERT_TRUE(heal_fault(condition_, "thermal"));
  EXPECT_EQ(condition_.temperature(), 45'000);
}

TEST_F(FaultsTest, ErrorsAddUpAndStopAtTheLargestCount) {
  ASSERT_TRUE(inject("errors"));
  ASSERT_TRUE(inject("errors", 41));
  EXPECT_EQ(condition_.errors, 42U);
  EXPECT_EQ(condition_.health(), Health::healthy);
  ASSERT_TRUE(inject("errors", 4294967295.0));
  EXPECT_EQ(condition_.errors, std::numeric_limits<std::uint32_t>::max());
}

TEST_F(FaultsTest, HealingWithoutANameHealsAll) {
  for (const FaultKind& kind : fault_kinds()) ASSERT_TRUE(inject(kind.name));
  EXPECT_THAT(active_faults(condition_),
              ElementsAre("degraded", "failed", "thermal", "errors", "hung", "slow", "bitflip",
                          "lost-interrupt", "link-down"));
  ASSERT_TRUE(heal_fault(condition_, std::nullopt));
  EXPECT_EQ(condition_, Condition{});
}

TEST_F(FaultsTest, EachCanBeHealedAlone) {
  for (const FaultKind& kind : fault_kinds()) {
    ASSERT_TRUE(inject(kind.name));
    const bool passes = kind.slot != SlotEffect::none && kind.slot != SlotEffect::link;
    EXPECT_EQ(kind.is_active(condition_), !passes) << kind.name;
    ASSERT_TRUE(heal_fault(condition_, kind.name));
    EXPECT_EQ(condition_, Condition{}) << kind.name;
  }
}

TEST_F(FaultsTest, WrongRequestsAreRefusedWithWhatWouldBeRight) {
  EXPECT_EQ(refusal("cold"),
            "fault cold: not a fault; there are degraded, failed, thermal, errors, hung, slow, "
            "bitflip, lost-interrupt, link-down, correctable-error, nonfatal-error, fatal-error");
  EXPECT_EQ(refusal("failed", 3), "fault failed: takes no value, 3 was given");
  EXPECT_EQ(refusal("thermal", 20),
            "fault thermal: 20 is not a number from 46 to 150 degrees Celsius");
  EXPECT_EQ(refusal("errors", 1.5),
            "fault errors: 1.5 is not a whole number from 1 to 4294967295 errors");
  EXPECT_EQ(refusal("errors", 0),
            "fault errors: 0 is not a whole number from 1 to 4294967295 errors");
  EXPECT_EQ(refusal("slow", 60'001),
            "fault slow: 60001 is not a whole number from 1 to 60000 milliseconds");
  EXPECT_NE(refusal("thermal", std::nan("")), "accepted");
  EXPECT_NE(refusal("thermal", HUGE_VAL), "accepted");
  EXPECT_FALSE(heal_fault(condition_, "cold"));
}

TEST_F(FaultsTest, OfTwoConditionsTheWorseCounts) {
  ASSERT_TRUE(inject("degraded"));
  ASSERT_TRUE(inject("thermal", 90));
  ASSERT_TRUE(inject("errors", 3));
  Condition other;
  ASSERT_TRUE(inject_fault(other, "failed", std::nullopt));
  ASSERT_TRUE(inject_fault(other, "thermal", 80));
  ASSERT_TRUE(inject_fault(other, "errors", 4));
  ASSERT_TRUE(inject_fault(other, "slow", 7));
  const Condition both = combined(condition_, other);
  EXPECT_EQ(both, combined(other, condition_));
  EXPECT_THAT(active_faults(both), ElementsAre("degraded", "failed", "thermal", "errors", "slow"));
  EXPECT_EQ(both.temperature(), 90'000);
  EXPECT_EQ(both.errors, 7U);
  EXPECT_EQ(both.slow, std::chrono::milliseconds(7));
  EXPECT_EQ(combined(condition_, {}), condition_);
}

}  // namespace
}  // namespace mockdev::accel
