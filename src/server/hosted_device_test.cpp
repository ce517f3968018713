// SPDX-License-Identifier: Apache-2.0
#include "server/hosted_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::server {
namespace {

Placement place(const std::string& node, const std::string& name) {
  return {.node = node,
          .numa = 0,
          .device = {.name = name,
                     .uuid = uuid_of_name(node + name),
                     .memory = 1_GiB,
                     .vfs = 4,
                     .vf_memory = 1_MiB,
                     .capabilities = 1,
                     .slot = 1},
          .socket = {}};
}

std::vector<HostedDevice> hosted(std::vector<Placement> places) {
  auto devices = make_devices({.ids = topology::kDefaultIds,
                               .devices = std::move(places),
                               .control = std::nullopt,
                               .log_level = "off"});
  EXPECT_TRUE(devices);
  return *std::move(devices);
}

/// The name of the device that an address means, or why it means none.
std::string found(const std::vector<HostedDevice>& devices, std::string_view address) {
  const auto device = find_device(devices, address);
  if (!device) return device.error().message;
  return (*device)->place.node + "/" + (*device)->place.device.name;
}

TEST(HostedDevices, AreWhatThePlanSays) {
  const auto devices = hosted({place("node0", "mock0")});
  const accel::Snapshot snapshot = devices.at(0).accelerator->snapshot();
  EXPECT_EQ(snapshot.settings.uuid, uuid_of_name("node0mock0"));
  EXPECT_EQ(snapshot.settings.memory, 1_GiB);
  EXPECT_EQ(snapshot.settings.vfs, 4);
  EXPECT_EQ(snapshot.settings.vendor, 0x1de5);
}

TEST(HostedDevices, AreFoundByNameOnTheOnlyNode) {
  const auto devices = hosted({place("node0", "mock0"), place("node0", "mock1")});
  EXPECT_EQ(found(devices, "mock1"), "node0/mock1");
  EXPECT_EQ(found(devices, "node0/mock1"), "node0/mock1");
  EXPECT_EQ(found(devices, to_string(uuid_of_name("node0mock1"))), "node0/mock1");
}

TEST(HostedDevices, NeedTheirNodesNameWhereSeveralHaveOne) {
  const auto devices = hosted({place("a", "mock0"), place("b", "mock0"), place("b", "mock1")});
  EXPECT_EQ(found(devices, "mock0"), "mock0: several nodes have one; say a/mock0 or b/mock0");
  EXPECT_EQ(found(devices, "b/mock0"), "b/mock0");
  EXPECT_EQ(found(devices, "mock1"), "b/mock1");
}

TEST(HostedDevices, SayWhichThereAre) {
  const auto devices = hosted({place("a", "mock0"), place("b", "mock0")});
  EXPECT_EQ(found(devices, "mock7"), "mock7: no such device; there are a/mock0 to b/mock0");
  EXPECT_EQ(found(hosted({place("a", "mock0")}), ""), ": no such device; there are a/mock0");
}

}  // namespace
}  // namespace mockdev::server
