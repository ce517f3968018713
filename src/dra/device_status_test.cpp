// SPDX-License-Identifier: Apache-2.0
#include "dra/device_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::dra {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

const DriverName kStatusDriver("mock-accel.example.com");
constexpr std::chrono::system_clock::time_point kEarly{std::chrono::seconds(1000)};
constexpr std::chrono::system_clock::time_point kLate{std::chrono::seconds(2000)};

class ADeviceStatus : public testing::Test {
 protected:
  ADeviceStatus() { machine_.add("mock0"); }

  [[nodiscard]] discovery::Device& device() { return machine_.device("mock0"); }
  [[nodiscard]] DeviceStatus now() { return device_status(id_, &device(), nullptr, kEarly); }

  ClaimedDeviceId id_{
      .pool = PoolName("n1/numa0"), .device = DeviceName("mock0"), .share_id = std::nullopt};
  FakeAccelerators machine_;
};

TEST_F(ADeviceStatus, SaysThatTheDeviceIsReadyAndWhatItIs) {
  const json expected = {{"driver", "mock-accel.example.com"},
                         {"pool", "n1/numa0"},
                         {"device", "mock0"},
                         {"conditions",
                          {{{"type", "Ready"},
                            {"status", "True"},
                            {"reason", "Prepared"},
                            {"message", "the device is healthy"},
                            {"lastTransitionTime", "1970-01-01T00:16:40Z"}}}},
                         {"data",
                          {{"uuid", to_string(uuid_of_name("mock0"))},
                           {"pciAddress", "0000:11:00.0"},
                           {"numaNode", 0}}}};
  EXPECT_EQ(device_status_json(now(), kStatusDriver), expected);
}

TEST_F(ADeviceStatus, LeavesOutWhatTheMachineDoesNotSay) {
  device().numa_node.reset();
  EXPECT_FALSE(device_status_json(now(), kStatusDriver)["data"].contains("numaNode"));
}

TEST_F(ADeviceStatus, NamesTheShare) {
  id_.share_id = "abc";
  EXPECT_EQ(device_status_json(now(), kStatusDriver)["shareID"], "abc");
}

TEST_F(ADeviceStatus, KeepsTheTimeUntilReadinessChanges) {
  const DeviceStatus healthy = now();
  EXPECT_EQ(device_status(id_, &device(), &healthy, kLate), healthy);
  device().health = discovery::Health::degraded;
  const DeviceStatus degraded = device_status(id_, &device(), &healthy, kLate);
  EXPECT_FALSE(degraded.ready);
  EXPECT_EQ(degraded.reason, "Degraded");
  EXPECT_EQ(degraded.since, "1970-01-01T00:33:20Z");
  device().health = discovery::Health::failed;
  const DeviceStatus failed = device_status(id_, &device(), &degraded, kEarly);
  EXPECT_EQ(failed.reason, "Failed");
  EXPECT_EQ(failed.since, degraded.since);
}

TEST_F(ADeviceStatus, OfOneThatIsGoneRepeatsWhatItWas) {
  const DeviceStatus before = now();
  const DeviceStatus gone = device_status(id_, nullptr, &before, kLate);
  EXPECT_FALSE(gone.ready);
  EXPECT_EQ(gone.reason, "Gone");
  EXPECT_EQ(gone.facts, before.facts);
  EXPECT_EQ(device_status(id_, nullptr, nullptr, kLate).facts, DeviceFacts{});
}

TEST_F(ADeviceStatus, IsReadAsItWasWritten) {
  DeviceStatus status = now();
  status.id.share_id = "abc";
  const json claim = {{"status",
                       {{"devices",
                         {device_status_json(status, DriverName("other")),
                          device_status_json(status, kStatusDriver)}}}}};
  EXPECT_THAT(parse_device_statuses(claim, kStatusDriver), ElementsAre(status));
}

TEST_F(ADeviceStatus, OfOthersMakingIsReadAsFarAsItGoes) {
  EXPECT_THAT(parse_device_statuses(json::object(), kStatusDriver), IsEmpty());
  const json claim = json::parse(R"({"status": {"devices": [
      {"driver": "mock-accel.example.com", "pool": "n1/numa0", "device": "mock0",
       "conditions": [{"type": "Other", "status": "True"}], "data": {"numaNode": "x"}}]}})");
  EXPECT_THAT(parse_device_statuses(claim, kStatusDriver), ElementsAre(DeviceStatus{.id = id_}));
}

}  // namespace
}  // namespace mockdev::dra
