// SPDX-License-Identifier: Apache-2.0
#include "dra/slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::dra {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class Slices : public testing::Test {
 protected:
  [[nodiscard]] std::vector<Pool> pools() const {
    return make_pools(machine_.inventory.devices, settings_, features_);
  }
  /// The devices of all slices, in their order.
  [[nodiscard]] std::vector<SliceDevice> devices() const {
    std::vector<SliceDevice> all;
    for (const Pool& pool : pools()) {
      for (const Slice& slice : pool.slices) {
        all.insert(all.end(), slice.devices.begin(), slice.devices.end());
      }
    }
    return all;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const SliceDevice& device : devices()) all.push_back(device.name.text());
    return all;
  }
  void add_pf_with_vfs(const std::string& pf, unsigned count) {
    machine_.add(pf).vfs = {.total = 64, .enabled = count};
    for (unsigned vf = 0; vf < count; ++vf) machine_.add(fmt::format("{}_vf{}", pf, vf));
  }

  FakeAccelerators machine_;
  SliceSettings settings_{.driver = DriverName("mock-accel.example.com"), .node = NodeName("n1")};
  SliceFeatures features_;
};

TEST_F(Slices, APoolIsANumaNodeOfThisNode) {
  machine_.add("mock0").numa_node = 0;
  machine_.add("mock1").numa_node = 1;
  machine_.add("mock2").numa_node = std::nullopt;
  const auto all = pools();
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[0].name, PoolName("n1"));
  EXPECT_EQ(all[1].name, PoolName("n1/numa0"));
  EXPECT_EQ(all[2].name, PoolName("n1/numa1"));
}

TEST_F(Slices, ShortPoolNamesAreASetting) {
  settings_.short_pool_names = true;
  machine_.add("mock0");
  EXPECT_EQ(pools().front().name, PoolName("numa0"));
}

TEST_F(Slices, ADeviceSaysAllThatSchedulersAsk) {
  discovery::Device& device = machine_.add("mock0_vf3");
  device.capabilities = 9;
  const SliceDevice published = devices().front();
  EXPECT_EQ(published.name, DeviceName("mock0-vf3"));
  const std::map<std::string, AttributeValue> expected = {
      {"resource.kubernetes.io/pciBusID", "0000:11:00.0"},
      {"resource.kubernetes.io/pcieRoot", "pci0000:10"},
      {"resource.kubernetes.io/numaNode", 0},
      {"mock-accel.example.com/uuid", to_string(device.uuid)},
      {"mock-accel.example.com/memory", std::int64_t{16} << 30U},
      {"mock-accel.example.com/deviceType", "vf"},
      {"mock-accel.example.com/pciAddress", "0000:11:00.0"},
      {"mock-accel.example.com/numa_node", 0},
      {"mock-accel.example.com/numaNode", 0},
      {"mock-accel.example.com/capabilities", "compute,p2p"},
      {"mock-accel.example.com/physfn", "mock0"},
      {"nodepartition.dra.k8s.io/numaNode", 0}};
  EXPECT_EQ(published.attributes, expected);
  EXPECT_THAT(published.capacity, ElementsAre(std::pair("memory", std::uint64_t{16} << 30U)));
}

TEST_F(Slices, WhereTheMachineNamesNoNumaNodeNoAttributeDoes) {
  machine_.add("mock0").numa_node = std::nullopt;
  const auto attributes = devices().front().attributes;
  for (const auto& [key, value] : attributes) {
    EXPECT_EQ(key.find("numa"), std::string::npos) << key;
  }
}

TEST_F(Slices, ShortKeysAreASettingForOwnAttributesOnly) {
  settings_.short_keys = true;
  settings_.dranet_alias = true;
  machine_.add("mock0");
  const auto attributes = devices().front().attributes;
  EXPECT_THAT(attributes, Contains(Key("uuid")));
  EXPECT_THAT(attributes, Contains(Key("resource.kubernetes.io/pciBusID")));
  EXPECT_THAT(attributes, Contains(Key("dra.net/numaNode")));
  EXPECT_THAT(attributes, Not(Contains(Key("mock-accel.example.com/uuid"))));
}

TEST_F(Slices, TheSocketIsASetting) {
  machine_.add("mock0").socket = 1;
  machine_.add("mock1");
  const std::string key = "nodepartition.dra.k8s.io/socket";
  EXPECT_THAT(devices().front().attributes, Not(Contains(Key(key))));
  settings_.socket_alias = true;
  EXPECT_THAT(devices().front().attributes,
              Contains(std::pair<const std::string, AttributeValue>(key, std::int64_t{1})));
  EXPECT_THAT(devices().back().attributes, Not(Contains(Key(key)))) << "nobody knows it";
}

TEST_F(Slices, APfWithoutVfsSharesNothing) {
  machine_.add("mock0");
  EXPECT_THAT(pools().front().slices, SizeIs(1));
  EXPECT_THAT(devices().front().consumes, IsEmpty());
}

TEST_F(Slices, APfTakesAllSlotsOfItsVfs) {
  add_pf_with_vfs("mock0", 2);
  const auto slices = pools().front().slices;
  ASSERT_THAT(slices, SizeIs(2));
  EXPECT_THAT(slices[0].devices, IsEmpty());
  EXPECT_EQ(slices[0].counter_sets.front().name, "mock0-vfs");
  EXPECT_EQ(slices[0].counter_sets.front().counters.at("vfs"), 2U);
  EXPECT_THAT(slices[1].counter_sets, IsEmpty());
  ASSERT_THAT(slices[1].devices, SizeIs(3));
  EXPECT_EQ(slices[1].devices[0].consumes.front().amount, 2U);
  EXPECT_EQ(slices[1].devices[1].consumes.front().amount, 1U);
  EXPECT_EQ(slices[1].devices[2].consumes.front().counter_set, "mock0-vfs");
}

TEST_F(Slices, OlderServersWantCountersBesideTheirDevices) {
  features_ = slice_features("v1beta2", 33);
  add_pf_with_vfs("mock0", 64);
  add_pf_with_vfs("mock1", 64);
  machine_.add("mock2");
  const auto slices = pools().front().slices;
  ASSERT_THAT(slices, SizeIs(2));
  EXPECT_THAT(slices[0].devices, SizeIs(65));
  EXPECT_EQ(slices[0].counter_sets.front().name, "mock0-vfs");
  EXPECT_THAT(slices[1].devices, SizeIs(66));
  EXPECT_EQ(slices[1].counter_sets.front().name, "mock1-vfs");
}

TEST_F(Slices, WithoutCountersAPfWithVfsIsNotOffered) {
  features_ = slice_features("v1beta1", 32);
  add_pf_with_vfs("mock0", 1);
  EXPECT_THAT(names(), ElementsAre("mock0-vf0"));
  EXPECT_THAT(devices().front().consumes, IsEmpty());
}

TEST_F(Slices, AVfOfAPfThatIsNotOursSharesNothing) {
  machine_.add("mock0_vf0").physfn = std::nullopt;
  EXPECT_THAT(devices().front().consumes, IsEmpty());
}

TEST_F(Slices, UnhealthyDevicesAreTainted) {
  machine_.add("mock0").health = discovery::Health::degraded;
  machine_.add("mock1").health = discovery::Health::failed;
  machine_.add("mock2");
  const auto all = devices();
  EXPECT_EQ(all[0].taints.front().key, "mock-accel.example.com/health");
  EXPECT_EQ(all[0].taints.front().value, "degraded");
  EXPECT_EQ(all[0].taints.front().effect, "NoSchedule");
  EXPECT_EQ(all[1].taints.front().effect, "NoExecute");
  EXPECT_THAT(all[2].taints, IsEmpty());
}

TEST_F(Slices, WithoutTaintsAFailedDeviceIsNotOffered) {
  features_.taints = false;
  machine_.add("mock0").health = discovery::Health::degraded;
  machine_.add("mock1").health = discovery::Health::failed;
  EXPECT_THAT(names(), ElementsAre("mock0"));
  EXPECT_THAT(devices().front().taints, IsEmpty());
}

TEST_F(Slices, ADeviceOfAnotherAbiIsNotOffered) {
  machine_.add("mock0").abi_version = kNewestAbi + 1;
  EXPECT_THAT(pools(), IsEmpty());
}

TEST_F(Slices, APoolIsOneSliceUpToTheLimit) {
  for (int number = 0; number < 128; ++number) machine_.add(fmt::format("mock{}", number));
  EXPECT_THAT(pools().front().slices, SizeIs(1));
  machine_.device("mock5").health = discovery::Health::degraded;
  EXPECT_THAT(pools().front().slices, SizeIs(2));
  EXPECT_THAT(pools().front().slices.front().devices, SizeIs(64));
}

TEST_F(Slices, CounterSetsAreSplitByTheirLimitToo) {
  for (int pf = 0; pf < 9; ++pf) add_pf_with_vfs(fmt::format("mock{}", pf), 1);
  const auto slices = pools().front().slices;
  ASSERT_THAT(slices, SizeIs(3));
  EXPECT_THAT(slices[0].counter_sets, SizeIs(8));
  EXPECT_THAT(slices[1].counter_sets, SizeIs(1));
  EXPECT_THAT(slices[2].devices, SizeIs(18));
}

TEST(SliceFeaturesTest, FollowTheServer) {
  EXPECT_FALSE(slice_features("v1alpha3", 33).taints);
  EXPECT_FALSE(slice_features("v1beta1", 32).taints);
  EXPECT_EQ(slice_features("v1beta2", 33).counters, CounterSupport::same_slice);
  EXPECT_EQ(slice_features("v1", 34).counters, CounterSupport::same_slice);
  EXPECT_EQ(slice_features("v1", 35).counters, CounterSupport::own_slice);
}

}  // namespace
}  // namespace mockdev::dra
