// SPDX-License-Identifier: Apache-2.0
#include "discovery/discovery.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "discovery/testing.h"

namespace mockdev::discovery {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

class Discovery : public testing::Test {
 protected:
  [[nodiscard]] Inventory look() const { return discover(sysfs_.path()); }

  /// The only problem that there is, as "device: message".
  [[nodiscard]] std::string only_problem() const {
    const Inventory inventory = look();
    if (inventory.problems.size() != 1) return "no problem, or more than one";
    return inventory.problems.front().device + ": " + inventory.problems.front().message;
  }

  FakeSysfs sysfs_;
};

auto named(const std::string& name) {
  return Field(&Device::name, name);
}

TEST_F(Discovery, ReadsEveryAttribute) {
  sysfs_.add({.name = "mock3",
              .pci = "pci0000:10/0000:10:01.0/0000:11:00.0",
              .attributes = {{"uuid", "00000000-0000-0000-0000-000000000003"},
                             {"memory_size", "17179869184"},
                             {"capabilities", "0x00000009"},
                             {"status", "1"},
                             {"owner", "11111111-2222-3333-4444-555555555555"},
                             {"numa_node", "1"},
                             {"fw_version", "2.1.7"},
                             {"abi_version", "1"},
                             {"health", "degraded"},
                             {"temperature", "-5000"},
                             {"error_count", "4294967295"},
                             {"sriov_totalvfs", "16"},
                             {"sriov_numvfs", "4"}}});
  const Inventory inventory = look();
  ASSERT_THAT(inventory.problems, IsEmpty());
  ASSERT_THAT(inventory.devices, ElementsAre(named("mock3")));
  const Device& device = inventory.devices.front();
  ASSERT_TRUE(device.readings);
  EXPECT_EQ(device.kind, Kind::pf);
  EXPECT_EQ(to_string(device.uuid), "00000000-0000-0000-0000-000000000003");
  EXPECT_EQ(device.memory, 16_GiB);
  EXPECT_EQ(device.capabilities, 9U);
  EXPECT_EQ(device.readings->status, Status::allocated);
  EXPECT_EQ(device.readings->owner, *parse_uuid("11111111-2222-3333-4444-555555555555"));
  EXPECT_EQ(device.numa_node, 1U);
  EXPECT_EQ(device.fw_version, "2.1.7");
  EXPECT_EQ(device.abi_version, 1U);
  EXPECT_EQ(device.health, Health::degraded);
  EXPECT_EQ(device.readings->temperature, -5000);
  EXPECT_EQ(device.readings->error_count, 4294967295U);
  EXPECT_EQ(device.vfs.total, 16U);
  EXPECT_EQ(device.vfs.enabled, 4U);
  EXPECT_EQ(to_string(device.pci), "0000:11:00.0");
  EXPECT_EQ(device.port, *parse_bdf("0000:10:01.0"));
  EXPECT_EQ(device.pcie_root, "pci0000:10");
  EXPECT_EQ(device.physfn, std::nullopt);
}

TEST_F(Discovery, NobodyAndNowhereAreNone) {
  sysfs_.add({.pci = "pci0000:00/0000:00:05.0", .attributes = {{"numa_node", "-1"}}});
  const Inventory inventory = look();
  ASSERT_THAT(inventory.devices, ElementsAre(named("mock0")));
  EXPECT_EQ(inventory.devices.front().readings->owner, std::nullopt);
  EXPECT_EQ(inventory.devices.front().numa_node, std::nullopt);
  EXPECT_EQ(inventory.devices.front().port, std::nullopt);
}

TEST_F(Discovery, OfTwoRootBusesTheNearestCounts) {
  sysfs_.add({.pci = "pci0000:10/0000:10:00.0/0000:11:00.0/pci0001:00/0001:00:00.0/0001:01:00.0"});
  EXPECT_EQ(look().devices.front().pcie_root, "pci0001:00");
}

TEST_F(Discovery, AVfNamesItsPf) {
  sysfs_.add({.name = "mock0", .pci = "pci0001:00/0001:00:00.0/0001:01:00.0"});
  sysfs_.add(
      {.name = "mock0_vf0", .pci = "pci0001:00/0001:00:00.0/0001:01:00.1", .physfn = "mock0"});
  const Inventory inventory = look();
  ASSERT_THAT(inventory.devices, ElementsAre(named("mock0"), named("mock0_vf0")));
  EXPECT_EQ(inventory.devices.back().kind, Kind::vf);
  EXPECT_EQ(inventory.devices.back().physfn, "mock0");
  EXPECT_EQ(to_string(inventory.devices.back().pci), "0001:01:00.1");
  EXPECT_EQ(inventory.devices.back().port, inventory.devices.front().port);
}

TEST_F(Discovery, DevicesStandInTheOrderOfTheirNumbers) {
  sysfs_.add({.name = "mock10", .pci = "pci0000:00/0000:01:00.0"});
  sysfs_.add({.name = "mock2", .pci = "pci0000:00/0000:02:00.0"});
  sysfs_.add({.name = "mock1", .pci = "pci0000:00/0000:03:00.0"});
  sysfs_.add({.name = "mock1_vf10", .pci = "pci0000:00/0000:03:00.2", .physfn = "mock1"});
  sysfs_.add(
      {.name = "mock1_vf9", .pci = "pci0000:00/0000:03:00.1", .attributes = {}, .physfn = "mock1"});
  EXPECT_THAT(look().devices, ElementsAre(named("mock1"), named("mock1_vf9"), named("mock1_vf10"),
                                          named("mock2"), named("mock10")));
}

TEST_F(Discovery, WithoutTheModuleThereIsNothingAndNoProblem) {
  std::filesystem::remove(sysfs_.class_folder());
  const Inventory inventory = look();
  EXPECT_FALSE(inventory.module_loaded);
  EXPECT_THAT(inventory.devices, IsEmpty());
  EXPECT_THAT(inventory.problems, IsEmpty());
}

TEST_F(Discovery, ALoadedModuleMayHaveNoDevices) {
  const Inventory inventory = look();
  EXPECT_TRUE(inventory.module_loaded);
  EXPECT_THAT(inventory.devices, IsEmpty());
}

TEST_F(Discovery, AVfWhosePfAnotherDriverHasIsADevice) {
  sysfs_.add({.name = "mock0", .attributes = {{"device_type", "vf"}}});
  const Inventory inventory = look();
  ASSERT_THAT(inventory.devices, ElementsAre(named("mock0")));
  EXPECT_EQ(inventory.devices.front().physfn, std::nullopt);
}

TEST_F(Discovery, ADeviceThatNoLongerAnswersIsShownAsFailed) {
  sysfs_.add({});
  sysfs_.set("mock0", "health", "failed");
  for (const char* unanswered : {"status", "owner", "temperature", "error_count"}) {
    std::filesystem::remove(sysfs_.class_folder() / "mock0" / unanswered);
  }
  const Inventory inventory = look();
  ASSERT_THAT(inventory.devices, ElementsAre(named("mock0")));
  EXPECT_EQ(inventory.devices.front().health, Health::failed);
  EXPECT_FALSE(inventory.devices.front().readings);
}

TEST_F(Discovery, AFailedDeviceThatAnswersHasItsReadings) {
  sysfs_.add({});
  sysfs_.set("mock0", "health", "failed");
  EXPECT_EQ(look().devices.front().readings->temperature, 42000);
}

TEST_F(Discovery, ADeviceThatVanishedIsLeftOut) {
  sysfs_.add({.name = "mock0"});
  sysfs_.add({.name = "mock1", .pci = "pci0000:00/0000:00:03.0/0000:02:00.0"});
  // As between the listing and the reading: the name is still there, the device is not.
  std::filesystem::remove(sysfs_.class_folder() / "mock1");
  std::filesystem::create_directory(sysfs_.class_folder() / "mock1");
  const Inventory inventory = look();
  EXPECT_THAT(inventory.devices, ElementsAre(named("mock0")));
  EXPECT_THAT(inventory.problems, IsEmpty());
}

TEST_F(Discovery, ABrokenDeviceHidesNoOther) {
  sysfs_.add({.name = "mock0"});
  sysfs_.add({.name = "mock1", .pci = "pci0000:00/0000:00:03.0/0000:02:00.0"});
  sysfs_.set("mock0", "uuid", "MOCK-0001");
  EXPECT_THAT(look().devices, ElementsAre(named("mock1")));
  EXPECT_EQ(only_problem(),
            "mock0: uuid: MOCK-0001 is not a UUID, such as 123e4567-e89b-12d3-a456-426614174000");
}

TEST_F(Discovery, AMissingAttributeIsAProblem) {
  sysfs_.add({});
  std::filesystem::remove(sysfs_.class_folder() / "mock0" / "temperature");
  EXPECT_THAT(only_problem(), AllOf(HasSubstr("mock0/temperature"), HasSubstr("No such file")));
}

TEST_F(Discovery, ADeviceWithoutItsLinkIsAProblem) {
  sysfs_.add({});
  std::filesystem::remove(sysfs_.class_folder() / "mock0" / "device");
  EXPECT_THAT(only_problem(), AllOf(HasSubstr("mock0/device"), HasSubstr("No such file")));
}

TEST_F(Discovery, AFolderThatIsNoDeviceFolderIsAProblem) {
  std::filesystem::remove(sysfs_.class_folder());
  std::ofstream(sysfs_.class_folder()) << "a file";
  EXPECT_THAT(only_problem(), HasSubstr("Not a directory"));
}

TEST_F(Discovery, OfSomeDevicesOthersAreNotRead) {
  sysfs_.add({.name = "mock0"});
  sysfs_.add({.name = "mock1", .pci = "pci0000:00/0000:00:03.0/0000:02:00.0"});
  sysfs_.set("mock0", "uuid", "which nobody reads");
  const auto inventory = discover(sysfs_.path(), [](auto name) { return name == "mock1"; });
  EXPECT_THAT(inventory.devices, ElementsAre(named("mock1")));
  EXPECT_THAT(inventory.problems, IsEmpty());
  EXPECT_TRUE(inventory.module_loaded);
}

TEST_F(Discovery, HoldersAreReadWithoutAllElse) {
  const std::string holder = "11111111-2222-3333-4444-555555555555";
  sysfs_.add({.name = "mock0", .attributes = {{"uuid", "broken"}, {"owner", holder}}});
  sysfs_.add({.name = "mock1", .pci = "pci0000:00/0000:00:03.0/0000:02:00.0"});
  const auto held = held_devices(sysfs_.path());
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held.front().device, "mock0");
  EXPECT_EQ(to_string(held.front().owner), holder);
  EXPECT_THAT(held_devices(sysfs_.path() / "none"), IsEmpty());
}

TEST_F(Discovery, TheSocketIsThatOfTheNumaNodesCpus) {
  sysfs_.add_numa_node(0, "0-3", "0").add_numa_node(1, "4-7,12", "1").add_numa_node(2, "", "");
  const auto socket_on = [&](const std::string& node) {
    FakeSysfs& sysfs = sysfs_.add({.name = "mock" + node,
                                   .pci = "pci0000:00/0000:00:03.0/0000:02:0" + node + ".0",
                                   .attributes = {{"numa_node", node == "4" ? "-1" : node}}});
    return discover(sysfs.path()).devices.back().socket;
  };
  EXPECT_EQ(socket_on("0"), 0U);
  EXPECT_EQ(socket_on("1"), 1U);
  EXPECT_EQ(socket_on("2"), std::nullopt) << "memory without CPUs";
  EXPECT_EQ(socket_on("3"), std::nullopt) << "the machine does not say";
  EXPECT_EQ(socket_on("4"), std::nullopt) << "nobody knows where the device is";
}

struct BadValue {
  const char* attribute;
  std::string value;
  const char* complaint;
};

class DiscoveryRefuses : public Discovery, public testing::WithParamInterface<BadValue> {};

TEST_P(DiscoveryRefuses, AValueThatIsNoneAndNamesIt) {
  sysfs_.add({});
  sysfs_.set("mock0", GetParam().attribute, GetParam().value);
  EXPECT_THAT(look().devices, IsEmpty());
  EXPECT_THAT(only_problem(),
              AllOf(HasSubstr(GetParam().attribute), HasSubstr(GetParam().complaint)));
}

INSTANTIATE_TEST_SUITE_P(
    Values, DiscoveryRefuses,
    testing::Values(
        BadValue{"memory_size", "-1", "\"-1\" is not a number from 0 to 18446744073709551615"},
        BadValue{"memory_size", "16G", "\"16G\" is not a number"},
        BadValue{"memory_size", "18446744073709551616", "is not a number"},
        BadValue{"capabilities", "3", "\"3\" is not a hexadecimal mask, such as 0x3"},
        BadValue{"capabilities", "0x100000000", "is not a number"},
        BadValue{"status", "busy", "\"busy\" is neither 0 (free) nor 1 (allocated)"},
        BadValue{"owner", "me", "me is not a UUID"},
        BadValue{"numa_node", "-2", "\"-2\" is not a number from 0"},
        BadValue{"device_type", "gpu", "\"gpu\" is none of pf, vf"},
        BadValue{"fw_version", "", "\"\" is not a word"},
        BadValue{"abi_version", "one", "\"one\" is not a number"},
        BadValue{"health", "", "\"\" is none of healthy, degraded, failed"},
        BadValue{"temperature", "42.0", "\"42.0\" is not a number from -2147483648 to 2147483647"},
        BadValue{"error_count", " 1", "\" 1\" is not a number"},
        BadValue{"sriov_numvfs", "many", "\"many\" is not a number"},
        BadValue{"uuid", std::string(5000, 'x'), "larger than the 4 KiB"}),
    [](const auto& value) { return fmt::format("{}_{}", value.param.attribute, value.index); });

}  // namespace
}  // namespace mockdev::discovery
