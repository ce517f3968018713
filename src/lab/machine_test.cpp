// SPDX-License-Identifier: Apache-2.0
#include "lab/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/testing.h"

namespace mockdev::lab {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSubsetOf;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

/// The values of all options of a name, in order.
std::vector<std::string> values_of(const Command& command, std::string_view option) {
  std::vector<std::string> values;
  for (std::size_t word = 0; word + 1 < command.argv.size(); ++word) {
    if (command.argv[word] == option) values.push_back(command.argv[word + 1]);
  }
  return values;
}

class Machine : public testing::Test {
 protected:
  [[nodiscard]] static Command of(const topology::Node& node, Accelerator accelerator,
                                  const std::optional<ClusterCard>& cluster = {},
                                  const GuestImage& image = {"/cache/guest,1"},
                                  Architecture architecture = Architecture::amd64) {
    return machine_command({.node = node,
                            .qemu = {"qemu"},
                            .image = image,
                            .folder = *RunFolder::of("default"),
                            .architecture = architecture,
                            .accelerator = accelerator,
                            .cpus = *cpus_of(node, std::nullopt),
                            .memory = *memory_of(node, std::nullopt),
                            .cluster = cluster});
  }

 private:
  ScopedVariable labs_{"MOCK_DEVICE_RUN_DIR", "/run/labs"};
};

TEST_F(Machine, HasASecondCardInTheNetworkOfACluster) {
  const ClusterCard card{.socket = "/a,b/switch", .mac = "52:54:00:77:00:0a"};
  const Command command = of(node_with({1}), Accelerator::tcg, card);
  EXPECT_THAT(values_of(command, "-netdev"),
              Contains("stream,id=cluster,server=off,addr.type=unix,addr.path=/a,,b/switch"));
  EXPECT_THAT(values_of(of(node_with({1}), Accelerator::tcg), "-netdev"), SizeIs(1));
}

TEST_F(Machine, BootsAnotherKernelFromTheSameDisk) {
  const GuestImage image{.folder = "/cache/guest", .kernel_folder = "/cache/debug"};
  const Command command = of(node_with({1}), Accelerator::tcg, std::nullopt, image);
  EXPECT_THAT(values_of(command, "-kernel"), ElementsAre("/cache/debug/vmlinuz"));
  EXPECT_THAT(values_of(command, "-initrd"), ElementsAre("/cache/debug/initrd"));
  EXPECT_THAT(values_of(command, "-drive"), Contains(HasSubstr("file=/cache/guest/root.img,")));
  EXPECT_EQ(image.modules(), "/cache/debug/modules");
}

TEST_F(Machine, OfArm64HasMsiForAllAndMemoryBehindItsPorts) {
  const Command command =
      of(node_with({1}), Accelerator::tcg, std::nullopt, {"/cache/guest"}, Architecture::arm64);
  EXPECT_THAT(values_of(command, "-machine"), ElementsAre("virt,gic-version=3,its=on"));
  EXPECT_THAT(values_of(command, "-append"), ElementsAre(StartsWith("console=ttyAMA0 ")));
  EXPECT_THAT(
      values_of(command, "-device"),
      Contains(AllOf(HasSubstr("pcie-root-port"), HasSubstr(R"("pref64-reserve":1073741824)"))));
}

TEST_F(Machine, OfAmd64IsAPc) {
  const Command command = of(node_with({1}), Accelerator::tcg);
  EXPECT_THAT(values_of(command, "-machine"), ElementsAre("q35,sata=off,smbus=off"));
  EXPECT_THAT(values_of(command, "-append"), ElementsAre(StartsWith("console=ttyS0 ")));
  EXPECT_THAT(values_of(command, "-device"), Each(Not(HasSubstr("pref64-reserve"))));
}

TEST_F(Machine, HasANumaNodeForEachOfTheTopology) {
  const Command command = of(node_with({1, 1}), Accelerator::tcg);
  EXPECT_THAT(values_of(command, "-smp"), ElementsAre("2,sockets=2,cores=1,threads=1"));
  EXPECT_THAT(values_of(command, "-object"),
              ElementsAre("memory-backend-memfd,id=memory0,size=536870912B,share=on",
                          "memory-backend-memfd,id=memory1,size=536870912B,share=on"));
  EXPECT_THAT(values_of(command, "-numa"), ElementsAre("node,nodeid=0,memdev=memory0,cpus=0-0",
                                                       "node,nodeid=1,memdev=memory1,cpus=1-1"));
}

TEST_F(Machine, PlugsEachDeviceIntoAPortOnItsOwnNumaNode) {
  const Command command = of(node_with({0, 1}), Accelerator::tcg);
  const std::vector<std::string> expected = {
      R"({"addr":"0x8","bus":"pcie.0","bus_nr":16,"driver":"pxb-pcie","id":"numa0","numa_node":0})",
      R"({"addr":"0x9","bus":"pcie.0","bus_nr":17,"driver":"pxb-pcie","id":"numa1","numa_node":1})",
      R"({"addr":"0x0","bus":"numa1","chassis":2,"driver":"pcie-root-port","id":"numa1-slot1",)"
      R"("io-reserve":0,"slot":1})",
      R"({"bus":"numa1-slot1","driver":"vfio-user-pci","id":"mock0",)"
      R"("socket":{"path":"/run/labs/default/devices/node0-mock0.sock","type":"unix"}})",
  };
  EXPECT_THAT(expected, IsSubsetOf(values_of(command, "-device")));
}

TEST_F(Machine, LeavesBusNumbersForThePortsOfTheNumaNodesBefore) {
  const Command command = of(node_with({3, 32, 1}), Accelerator::tcg);
  EXPECT_THAT(values_of(command, "-device"),
              AllOf(Contains(HasSubstr(R"("bus_nr":16,)")), Contains(HasSubstr(R"("bus_nr":20,)")),
                    Contains(HasSubstr(R"("bus_nr":53,)"))));
}

TEST_F(Machine, RunsWhereItsSocketsAre) {
  const Command command = of(node_with({1}), Accelerator::tcg);
  EXPECT_EQ(command.folder, "/run/labs/default/nodes/node0");
  EXPECT_THAT(values_of(command, "-qmp"), ElementsAre("unix:qmp,server=on,wait=off"));
}

TEST_F(Machine, DoublesCommasInPaths) {
  EXPECT_THAT(values_of(of(node_with({1}), Accelerator::tcg), "-drive"),
              Contains(HasSubstr("file=/cache/guest,,1/root.img,if=none")));
}

TEST_F(Machine, UsesKvmOnlyWhenTold) {
  EXPECT_THAT(of(node_with({1}), Accelerator::kvm).argv, Contains("kvm"));
  EXPECT_THAT(of(node_with({1}), Accelerator::tcg).argv, Not(Contains("kvm")));
}

TEST_F(Machine, KeepsItsIdentityFromRunToRun) {
  EXPECT_EQ(of(node_with({1}), Accelerator::tcg).argv, of(node_with({1}), Accelerator::tcg).argv);
}

TEST(MachineCpus, AreTheSameOnEachNumaNode) {
  EXPECT_EQ(cpus_of(node_with({1}), std::nullopt).value(), 2U);
  EXPECT_EQ(cpus_of(node_with({1, 1, 1}), std::nullopt).value(), 3U);
  EXPECT_EQ(cpus_of(node_with({1, 1}), 5).value(), 6U);
}

TEST(MachineCpus, HaveLimits) {
  EXPECT_EQ(cpus_of(node_with({1}), 0).error().message, "cpus: 0: must be 1 to 255");
  EXPECT_EQ(cpus_of(node_with({1}), 256).error().message, "cpus: 256: must be 1 to 255");
  EXPECT_FALSE(cpus_of(node_with({1, 1}), 255));
}

TEST(MachineMemory, IsTheSameOnEachNumaNode) {
  EXPECT_EQ(memory_of(node_with({1}), std::nullopt).value(), 1_GiB);
  EXPECT_EQ(memory_of(node_with({1, 1, 1}), 1_GiB).value(), 1020_MiB);
}

TEST(MachineMemory, MustBeEnoughForAGuest) {
  EXPECT_EQ(memory_of(node_with({1}), 64_MiB).error().message,
            "memory: 64 MiB: a guest takes at least 256 MiB");
}

TEST(MachineBuses, AreLimitedByThePciSegment) {
  EXPECT_TRUE(check_buses(node_with({32, 32, 32, 32, 32, 32, 32})));
  EXPECT_EQ(
      check_buses(node_with({32, 32, 32, 32, 32, 32, 32, 32})).error().message,
      "node node0: its devices take 264 PCI buses, where 240 are left; give it fewer devices");
}

}  // namespace
}  // namespace mockdev::lab
