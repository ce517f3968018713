// SPDX-License-Identifier: Apache-2.0
#include "driver/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::driver {
namespace {

TEST(Simulation, GivesEachNumaNodeASegment) {
  const auto topology =
      topology::parse("nodes: [{name: a, numa: [{devices: 2}, {devices: [{slot: 3}]}]}]");
  ASSERT_TRUE(topology);
  const auto devices = simulated_devices(topology->nodes.front());
  ASSERT_THAT(devices, testing::SizeIs(3));
  EXPECT_EQ(to_string(devices[1].pci), "0001:02:00.0");
  EXPECT_EQ(to_string(*devices[1].port), "0001:00:01.0");
  EXPECT_EQ(devices[1].pcie_root, "pci0001:00");
  EXPECT_EQ(to_string(devices[2].pci), "0002:01:00.0");
  EXPECT_EQ(to_string(*devices[2].port), "0002:00:02.0");
  EXPECT_EQ(devices[2].pcie_root, "pci0002:00");
}

TEST(Simulation, NumbersBusesAsTheLabDoesForDirectDevices) {
  const auto topology = topology::parse(
      "attach: direct\n"
      "nodes: [{name: a, numa: [{devices: 2}, {devices: [{slot: 3, memory: 1GiB, vfs: 2}]}]}]");
  ASSERT_TRUE(topology);
  const auto devices = simulated_devices(topology->nodes.front());
  ASSERT_THAT(devices, testing::SizeIs(3));
  EXPECT_EQ(devices[0].name, "mock0");
  EXPECT_EQ(to_string(devices[0].pci), "0000:11:00.0");
  EXPECT_EQ(to_string(devices[1].pci), "0000:12:00.0");
  EXPECT_EQ(devices[1].pcie_root, "pci0000:10");
  EXPECT_EQ(devices[1].numa_node, 0U);
  EXPECT_EQ(devices[2].name, "mock2");
  EXPECT_EQ(to_string(devices[2].pci), "0000:14:00.0");
  EXPECT_EQ(to_string(*devices[2].port), "0000:13:02.0");
  EXPECT_EQ(devices[2].pcie_root, "pci0000:13");
  EXPECT_EQ(devices[2].memory, 1_GiB);
  EXPECT_EQ(devices[2].vfs.total, 2U);
  EXPECT_EQ(devices[2].uuid, topology->nodes[0].numa[1].devices[0].uuid);
}

}  // namespace
}  // namespace mockdev::driver
