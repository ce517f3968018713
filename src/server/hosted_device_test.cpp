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

Host hosted(std::vector<Placement> places) {
  auto host = make_host({.ids = topology::kDefaultIds,
                         .devices = std::move(places),
                         .control = std::nullopt,
                         .log_level = "off"});
  EXPECT_TRUE(host);
  return *std::move(host);
}

/// The name of the device that an address means, or why it means none.
std::string found(const Host& host, std::string_view address) {
  const auto device = find_device(host.devices, address);
  if (!device) return device.error().message;
  return (*device)->place.node + "/" + (*device)->place.device.name;
}

TEST(HostedDevices, AreWhatThePlanSays) {
  const auto host = hosted({place("node0", "mock0")});
  const accel::Snapshot snapshot = host.devices.at(0).accelerator->snapshot();
  EXPECT_EQ(snapshot.settings.uuid, uuid_of_name("node0mock0"));
  EXPECT_EQ(snapshot.settings.memory, 1_GiB);
  EXPECT_EQ(snapshot.settings.vfs, 4);
  EXPECT_EQ(snapshot.settings.vendor, 0x1de5);
}

TEST(HostedDevices, AreFoundByNameOnTheOnlyNode) {
  const auto host = hosted({place("node0", "mock0"), place("node0", "mock1")});
  EXPECT_EQ(found(host, "mock1"), "node0/mock1");
  EXPECT_EQ(found(host, "node0/mock1"), "node0/mock1");
  EXPECT_EQ(found(host, to_string(uuid_of_name("node0mock1"))), "node0/mock1");
}

TEST(HostedDevices, NeedTheirNodesNameWhereSeveralHaveOne) {
  const auto host = hosted({place("a", "mock0"), place("b", "mock0"), place("b", "mock1")});
  EXPECT_EQ(found(host, "mock0"), "mock0: several nodes have one; say a/mock0 or b/mock0");
  EXPECT_EQ(found(host, "b/mock0"), "b/mock0");
  EXPECT_EQ(found(host, "mock1"), "b/mock1");
}

TEST(HostedDevices, SayWhichThereAre) {
  const auto host = hosted({place("a", "mock0"), place("b", "mock0")});
  EXPECT_EQ(found(host, "mock7"), "mock7: no such device; there are a/mock0 to b/mock0");
  EXPECT_EQ(found(hosted({place("a", "mock0")}), ""), ": no such device; there are a/mock0");
}

/// The name of the function that an address means, or why it means none.
std::string target(const Host& host, std::string_view address) {
  const auto found = find_target(host.devices, address);
  return found ? full_name(*found) : found.error().message;
}

TEST(HostedDevices, HaveVfsOfTheirName) {
  const auto host = hosted({place("a", "mock0"), place("b", "mock1")});
  EXPECT_EQ(target(host, "mock1"), "b/mock1");
  EXPECT_EQ(target(host, "mock1_vf3"), "b/mock1_vf3");
  EXPECT_EQ(target(host, "mock1-vf3"), "b/mock1_vf3");
  EXPECT_EQ(target(host, "a/mock0_vf0"), "a/mock0_vf0");
  EXPECT_EQ(target(host, to_string(accel::vf_uuid(uuid_of_name("bmock1"), 2))), "b/mock1_vf2");
  EXPECT_EQ(target(host, to_string(uuid_of_name("bmock1"))), "b/mock1");
}

TEST(HostedDevices, HaveNoOtherVfs) {
  const auto host = hosted({place("a", "mock0")});
  EXPECT_EQ(target(host, "mock0_vf4"), "mock0_vf4: a/mock0 can have 4 VFs, numbered from 0");
  EXPECT_EQ(target(host, "mock7_vf0"), "mock7: no such device; there are a/mock0");
  EXPECT_EQ(target(host, "mock0_vf"), "mock0_vf: no such device; there are a/mock0");
  EXPECT_EQ(target(host, "mock0_vf99999"), "mock0_vf99999: no such device; there are a/mock0");
  EXPECT_EQ(target(host, "mock0_vf1x"), "mock0_vf1x: no such device; there are a/mock0");
}

Placement on_fabric(const std::string& node, unsigned numa, unsigned slot) {
  Placement placement = place(node, fmt::format("mock{}{}", numa, slot));
  placement.numa = numa;
  placement.device.slot = slot;
  placement.attach = topology::Attach::fabric;
  placement.socket = fmt::format("/{}-numa{}.sock", node, numa);
  return placement;
}

TEST(HostedDevices, ShareABridgeOnTheirNumaNode) {
  const Host host = hosted(
      {on_fabric("a", 0, 1), on_fabric("a", 0, 3), on_fabric("a", 1, 1), on_fabric("b", 1, 1)});
  ASSERT_EQ(host.endpoints.size(), 3);
  EXPECT_EQ(host.endpoints[0].socket, "/a-numa0.sock");
  EXPECT_EQ(host.devices[0].bridge, host.endpoints[0].bridge.get());
  EXPECT_EQ(host.devices[1].bridge, host.endpoints[0].bridge.get());
  EXPECT_EQ(host.devices[2].bridge, host.endpoints[1].bridge.get());
  EXPECT_EQ(host.devices[3].bridge, host.endpoints[2].bridge.get());
  EXPECT_TRUE(host.devices[1].bridge->plugged(3));
  EXPECT_FALSE(host.devices[1].bridge->plugged(2));
}

TEST(HostedDevices, StandAloneWhereTheyAreAttachedDirectly) {
  const Host host = hosted({place("a", "mock0"), place("a", "mock1")});
  ASSERT_EQ(host.endpoints.size(), 2);
  EXPECT_EQ(host.endpoints[0].bridge, nullptr);
  EXPECT_EQ(host.devices[0].bridge, nullptr);
}

}  // namespace
}  // namespace mockdev::server
