// SPDX-License-Identifier: Apache-2.0
#include "server/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/device_faults.h"

namespace mockdev::server {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// One device on a fabric whose faults are planned.
class ScheduleTest : public testing::Test {
 protected:
  /// `yaml`: the list of faults, as in a topology file.
  void plan(const std::string& yaml) {
    auto topology =
        topology::parse("nodes: [{name: a, numa: [{devices: [{vfs: 4, faults: " + yaml + "}]}]}]");
    ASSERT_TRUE(topology) << topology.error().front().message;
    plan_.devices = {{.node = "a",
                      .numa = 0,
                      .device = topology->nodes[0].numa[0].devices[0],
                      .attach = topology::Attach::fabric,
                      .segment = 1,
                      .socket = {}}};
    auto host = make_host(plan_);
    ASSERT_TRUE(host);
    host_ = *std::move(host);
    schedule_.emplace(host_.devices, start_);
  }

  [[nodiscard]] const HostedDevice& device() const { return host_.devices.front(); }
  [[nodiscard]] Target target() const { return {.device = &device(), .vf = std::nullopt}; }

  /// What is wrong with the device so long after the start.
  std::vector<std::string_view> faults_at(Schedule::Clock::duration time) {
    schedule_->advance(start_ + time);
    return device().accelerator->snapshot().faults;
  }
  std::uint32_t errors_at(Schedule::Clock::duration time) {
    schedule_->advance(start_ + time);
    return device().accelerator->snapshot().error_count;
  }
  [[nodiscard]] std::optional<Schedule::Clock::duration> next() const {
    const auto next = schedule_->next();
    return next ? std::optional(*next - start_) : std::nullopt;
  }

  const Schedule::Clock::time_point start_ = Schedule::Clock::now();
  Plan plan_;
  Host host_;
  std::optional<Schedule> schedule_;
};

TEST_F(ScheduleTest, HasNothingToDoWithoutPlans) {
  plan("[]");
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_THAT(faults_at(1h), IsEmpty());
}

TEST_F(ScheduleTest, AFaultComesGoesAndComesAgain) {
  plan("[{kind: degraded, at: 30s, for: 10s, every: 5m}]");
  EXPECT_EQ(next(), 30s);
  EXPECT_THAT(faults_at(29999ms), IsEmpty());
  EXPECT_THAT(faults_at(30s), ElementsAre("degraded"));
  EXPECT_EQ(next(), 40s);
  EXPECT_THAT(faults_at(40s), IsEmpty());
  EXPECT_EQ(next(), 330s);
  EXPECT_THAT(faults_at(331s), ElementsAre("degraded"));
  EXPECT_EQ(next(), 340s) << "late as it was, it does not shift";
}

TEST_F(ScheduleTest, AFaultWithoutAnEndStays) {
  plan("[{kind: failed}]");
  EXPECT_THAT(faults_at(0s), ElementsAre("failed"));
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_THAT(faults_at(100h), ElementsAre("failed"));
}

TEST_F(ScheduleTest, WhatHappensAtAMomentHappensEachTime) {
  plan("[{kind: errors, value: 3, at: 1s, every: 2s}]");
  EXPECT_EQ(errors_at(1s), 3);
  EXPECT_EQ(errors_at(8s), 12) << "those that were missed, too";
  EXPECT_EQ(next(), 9s);
}

TEST_F(ScheduleTest, FaultsOfOneKindDoNotEndEachOther) {
  plan("[{kind: thermal, value: 90, for: 10s}, {kind: thermal, value: 80, at: 5s, for: 10s}]");
  std::ignore = faults_at(6s);
  EXPECT_EQ(device().accelerator->snapshot().temperature, 90'000);
  EXPECT_THAT(faults_at(11s), ElementsAre("thermal"));
  EXPECT_EQ(device().accelerator->snapshot().temperature, 80'000);
  EXPECT_THAT(faults_at(15s), IsEmpty());
}

TEST_F(ScheduleTest, InjectedFaultsAndPlannedOnesLeaveEachOtherAlone) {
  plan("[{kind: degraded, for: 10s, every: 20s}]");
  EXPECT_THAT(faults_at(0s), ElementsAre("degraded"));
  ASSERT_TRUE(heal(target(), std::nullopt));
  EXPECT_THAT(faults_at(1s), ElementsAre("degraded"));
  ASSERT_TRUE(inject(target(), "degraded", std::nullopt));
  EXPECT_THAT(faults_at(10s), ElementsAre("degraded"));
  ASSERT_TRUE(heal(target(), "degraded"));
  EXPECT_THAT(faults_at(11s), IsEmpty());
}

TEST_F(ScheduleTest, AVfThatIsNotThereMayHavePlans) {
  plan("[{kind: errors, vf: 3}, {kind: failed, vf: 3, at: 1s}]");
  EXPECT_THAT(faults_at(2s), IsEmpty());
  EXPECT_EQ(device().accelerator->snapshot().error_count, 0);
  EXPECT_TRUE(schedule_->entries()[1].on);
}

TEST_F(ScheduleTest, ALinkComesUpOnlyWhenNothingHoldsItDown) {
  plan("[{kind: link-down, for: 10s}]");
  EXPECT_THAT(faults_at(0s), ElementsAre("link-down"));
  ASSERT_TRUE(heal(target(), "link-down"));
  EXPECT_TRUE(device().accelerator->snapshot().link_down);
  ASSERT_TRUE(inject(target(), "link-down", std::nullopt));
  std::ignore = faults_at(10s);
  EXPECT_TRUE(device().accelerator->snapshot().link_down);
}

}  // namespace
}  // namespace mockdev::server
