// SPDX-License-Identifier: Apache-2.0
#include "accel/accelerator.h"

#include <array>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>
#include <malloc.h>

#include "pci/testing.h"

namespace mockdev::accel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kExpress = 0x40;
constexpr std::size_t kMsix = 0x90;
constexpr std::size_t kSriov = 0x150;

Settings settings() {
  return {.uuid = *parse_uuid("00112233-4455-6677-8899-aabbccddeeff"),
          .memory = 16_GiB,
          .capabilities = MOCK_ACCEL_CAP_COMPUTE,
          .vfs = 16,
          .vf_memory = 64_MiB};
}

std::unique_ptr<Accelerator> accelerator(const Settings& of = settings()) {
  return *Accelerator::make(of);
}

/// A machine with one accelerator, as a driver uses it.
class AcceleratorTest : public testing::Test {
 protected:
  AcceleratorTest() { device_->set_interrupt_sink(&sink_); }

  std::uint64_t config(std::size_t offset, std::size_t size) {
    return pci::read_number([&](auto at, auto into) { device_->config_read(at, into); }, offset,
                            size);
  }
  void set_config(std::size_t offset, std::size_t size, std::uint64_t value) {
    pci::write_number([&](auto at, auto data) { device_->config_write(at, data); }, offset, size,
                      value);
  }
  std::uint64_t reg(std::uint64_t offset) {
    return pci::read_number([&](auto at, auto into) { device_->bar_read(0, at, into); }, offset, 4);
  }
  void set_reg(std::uint64_t offset, std::uint64_t value) {
    pci::write_number([&](auto at, auto data) { device_->bar_write(0, at, data); }, offset, 4,
                      value);
  }
  void enable_interrupts() {
    set_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    set_config(kMsix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
  }
  void function_level_reset() {
    set_config(kExpress + PCI_EXP_DEVCTL, 2,
               config(kExpress + PCI_EXP_DEVCTL, 2) | PCI_EXP_DEVCTL_BCR_FLR);
  }

  std::unique_ptr<Accelerator> device_ = accelerator();
  pci::RecordingSink sink_;
};

TEST_F(AcceleratorTest, IsAProcessingAcceleratorWithOneBar) {
  EXPECT_EQ(config(PCI_VENDOR_ID, 4), 0x00011de5U);
  EXPECT_EQ(config(PCI_CLASS_REVISION, 4), 0x12000001U);
  EXPECT_EQ(config(PCI_BASE_ADDRESS_0, 4), 0xcU);
  EXPECT_EQ(device_->bars()[0].size, 4_KiB);
  EXPECT_EQ(device_->msix_vectors(), 2U);
}

TEST_F(AcceleratorTest, TakesItsIdsFromTheSettings) {
  Settings other = settings();
  other.vendor = 0xabcd;
  other.pf_device = 0x1111;
  other.vf_device = 0x2222;
  device_ = accelerator(other);
  EXPECT_EQ(config(PCI_VENDOR_ID, 4), 0x1111abcdU);
  EXPECT_EQ(config(PCI_SUBSYSTEM_VENDOR_ID, 4), 0x1111abcdU);
  EXPECT_EQ(config(kSriov + PCI_SRIOV_VF_DID, 2), 0x2222U);
}

TEST_F(AcceleratorTest, OffersSriovOnlyIfItCanHaveVfs) {
  EXPECT_EQ(config(kSriov, 2), 0x10U);
  EXPECT_EQ(config(kSriov + PCI_SRIOV_TOTAL_VF, 2), 16U);
  Settings none = settings();
  none.vfs = 0;
  device_ = accelerator(none);
  EXPECT_EQ(config(kSriov, 4), 0U);
  EXPECT_EQ(config(0x140 + 2, 2) >> 4U, 0U);  // ARI ends the chain
}

TEST_F(AcceleratorTest, SerialNumbersDifferWhereverUuidsDo) {
  const std::uint64_t first = config(0x134, 8);
  Settings other = settings();
  other.uuid = *parse_uuid("00112233-4455-6677-8899-aabbccddeefe");
  device_ = accelerator(other);
  const std::uint64_t second = config(0x134, 8);
  other.uuid = *parse_uuid("10112233-4455-6677-8899-aabbccddeeff");
  device_ = accelerator(other);
  EXPECT_NE(first, second);
  EXPECT_NE(first, config(0x134, 8));
}

TEST_F(AcceleratorTest, OtherBarsReadZeroAndIgnoreWrites) {
  std::array<std::byte, 4> bytes{std::byte{1}};
  device_->bar_write(2, 0, bytes);
  device_->bar_read(2, 0, bytes);
  EXPECT_EQ(pci::load_little_endian(bytes), 0U);
}

TEST_F(AcceleratorTest, AFunctionLevelResetFreesTheDevice) {
  set_reg(MOCK_ACCEL_REG_OWNER, 1);
  enable_interrupts();
  function_level_reset();
  EXPECT_EQ(reg(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_FREE);
  EXPECT_EQ(config(PCI_COMMAND, 2), 0U);
  EXPECT_EQ(config(kMsix + PCI_MSIX_FLAGS, 2), 1U);
  EXPECT_EQ(config(kExpress + PCI_EXP_DEVSTA, 2), 0U);
}

TEST_F(AcceleratorTest, LinuxGetsItsConfigurationBackAfterAFunctionLevelReset) {
  set_config(PCI_BASE_ADDRESS_0, 4, 0xfe200000);
  enable_interrupts();
  std::array<std::uint64_t, 16> saved{};
  for (std::size_t i = 0; i < saved.size(); ++i) saved.at(i) = config(4 * i, 4);
  function_level_reset();
  EXPECT_NE(config(PCI_BASE_ADDRESS_0, 4), saved[4]);
  for (std::size_t i = saved.size(); i-- > 0;) set_config(4 * i, 4, saved.at(i));
  for (std::size_t i = 0; i < saved.size(); ++i) EXPECT_EQ(config(4 * i, 4), saved.at(i));
}

TEST_F(AcceleratorTest, AResetKeepsFaultsAndTheInterruptSink) {
  ASSERT_TRUE(device_->inject("failed", std::nullopt));
  set_reg(MOCK_ACCEL_REG_OWNER, 1);
  device_->reset();
  EXPECT_EQ(reg(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_FREE);
  EXPECT_EQ(reg(MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_FAILED);
  enable_interrupts();
  ASSERT_TRUE(device_->heal(std::nullopt));
  EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_EVENT));
}

TEST_F(AcceleratorTest, ChangesOfItsConditionRaiseTheEventVector) {
  enable_interrupts();
  ASSERT_TRUE(device_->inject("degraded", std::nullopt));
  ASSERT_TRUE(device_->inject("thermal", 99));
  ASSERT_TRUE(device_->inject("errors", 3));
  ASSERT_TRUE(device_->heal("thermal"));
  EXPECT_THAT(sink_.vectors, ElementsAre(0, 0, 0, 0));
}

TEST_F(AcceleratorTest, WhatChangesNothingVisibleRaisesNothing) {
  enable_interrupts();
  ASSERT_TRUE(device_->heal(std::nullopt));
  ASSERT_TRUE(device_->inject("failed", std::nullopt));
  ASSERT_TRUE(device_->inject("failed", std::nullopt));
  ASSERT_TRUE(device_->inject("degraded", std::nullopt));  // failed is worse
  ASSERT_FALSE(device_->inject("nonsense", std::nullopt));
  EXPECT_THAT(sink_.vectors, ElementsAre(0));
}

TEST_F(AcceleratorTest, InterruptsFollowTheConfigurationSpace) {
  ASSERT_TRUE(device_->inject("errors", 1));
  EXPECT_THAT(sink_.vectors, IsEmpty());
  enable_interrupts();
  EXPECT_THAT(sink_.vectors, IsEmpty());  // it was off: lost
  set_config(kMsix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
  ASSERT_TRUE(device_->inject("errors", 1));
  EXPECT_EQ(reg(MOCK_ACCEL_MSIX_PBA), 1U);
  set_config(kMsix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
  EXPECT_THAT(sink_.vectors, ElementsAre(0));
  EXPECT_EQ(reg(MOCK_ACCEL_MSIX_PBA), 0U);
}

TEST_F(AcceleratorTest, ASinkThatIsTakenAwayGetsNothingMore) {
  enable_interrupts();
  device_->set_interrupt_sink(nullptr);
  ASSERT_TRUE(device_->inject("errors", 1));
  EXPECT_THAT(sink_.vectors, IsEmpty());
}

TEST_F(AcceleratorTest, ASnapshotShowsAllThatMatters) {
  set_reg(MOCK_ACCEL_REG_OWNER + 12, 0x01000000);
  ASSERT_TRUE(device_->inject("thermal", 100));
  ASSERT_TRUE(device_->inject("errors", 5));
  const Snapshot seen = device_->snapshot();
  EXPECT_EQ(seen.settings.uuid, settings().uuid);
  EXPECT_TRUE(seen.allocated);
  EXPECT_EQ(to_string(seen.owner), "00000000-0000-0000-0000-000000000001");
  EXPECT_EQ(to_string(seen.health), "degraded");
  EXPECT_EQ(seen.temperature, 100'000);
  EXPECT_EQ(seen.error_count, 5U);
  EXPECT_THAT(seen.faults, ElementsAre("thermal", "errors"));
}

TEST_F(AcceleratorTest, FaultsAndAccessesMayComeFromDifferentThreads) {
  constexpr std::uint32_t kRounds = 2'000;
  std::thread operator_thread([&] {
    for (std::uint32_t i = 0; i < kRounds; ++i) ASSERT_TRUE(device_->inject("errors", 1));
  });
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    set_reg(MOCK_ACCEL_REG_STATUS, i);
    set_config(kMsix + PCI_MSIX_FLAGS, 2, i % 2 == 0 ? PCI_MSIX_FLAGS_ENABLE : 0U);
    (void)device_->snapshot();
  }
  operator_thread.join();
  EXPECT_EQ(reg(MOCK_ACCEL_REG_ERROR_COUNT), kRounds);
}

/// What make() says to the usual settings after `change`.
template <typename Change>
std::string refusal(Change change) {
  Settings changed = settings();
  change(changed);
  const auto made = Accelerator::make(changed);
  return made ? "accepted" : made.error().message;
}

TEST(AcceleratorSettingsTest, ImpossibleMemoryIsRefused) {
  EXPECT_THAT(refusal([](Settings& s) { s.memory = 0_B; }), HasSubstr("memory: 0 B"));
  EXPECT_THAT(refusal([](Settings& s) { s.memory = ByteCount{~std::uint64_t{0}}; }),
              HasSubstr("memory: "));
}

TEST(AcceleratorSettingsTest, MoreVfsThanThereCanBeAreRefused) {
  EXPECT_EQ(refusal([](Settings& s) { s.vfs = 64; }), "accepted");
  EXPECT_EQ(refusal([](Settings& s) { s.vfs = 65; }),
            "vfs: 65 is more than the 64 that a PF can have");
}

TEST(AcceleratorSettingsTest, NoIdentityAndUnknownCapabilitiesAreRefused) {
  EXPECT_THAT(refusal([](Settings& s) { s.uuid = Uuid{}; }), HasSubstr("uuid: "));
  EXPECT_EQ(refusal([](Settings& s) { s.capabilities = 0x31; }),
            "capabilities: 0x30 are bits without a meaning");
}

TEST(AcceleratorMemoryTest, AThousandCostAtMost6KilobytesEach) {
  constexpr std::size_t kCount = 1'024;
  std::vector<std::unique_ptr<Accelerator>> devices;
  devices.reserve(kCount);
  const std::size_t before = ::mallinfo2().uordblks;
  for (std::size_t i = 0; i < kCount; ++i) {
    Settings one = settings();
    one.uuid = uuid_of_name(std::to_string(i));
    one.memory = ByteCount{1_GiB .value() * (i + 1)};
    devices.push_back(accelerator(one));
  }
  const std::size_t each = (::mallinfo2().uordblks - before) / kCount;
  RecordProperty("bytes_each", static_cast<int>(each));
  EXPECT_LE(each, 6U * 1024);
}

/// A PF whose software has given it and its VFs addresses.
class VfTest : public AcceleratorTest {
 protected:
  static constexpr std::uint64_t kPfAddress = 0x80'0000'0000;
  static constexpr std::uint64_t kVfAddress = 0x80'0010'0000;

  VfTest() {
    set_config(PCI_BASE_ADDRESS_0, 8, kPfAddress);
    set_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    set_config(kSriov + PCI_SRIOV_BAR, 8, kVfAddress);
  }

  void enable_vfs(unsigned count) {
    set_config(kSriov + PCI_SRIOV_NUM_VF, 2, count);
    set_config(kSriov + PCI_SRIOV_CTRL, 2,
               PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | PCI_SRIOV_CTRL_ARI);
  }
  void disable_vfs() { set_config(kSriov + PCI_SRIOV_CTRL, 2, 0); }

  static std::uint64_t reg_of(pci::Function& vf, std::uint64_t offset, std::size_t size = 4) {
    return pci::read_number([&](auto at, auto into) { vf.bar_read(0, at, into); }, offset, size);
  }
  static void set_reg_of(pci::Function& vf, std::uint64_t offset, std::uint64_t value) {
    pci::write_number([&](auto at, auto data) { vf.bar_write(0, at, data); }, offset, 4, value);
  }
  static std::uint64_t config_of(pci::Function& vf, std::size_t offset, std::size_t size) {
    return pci::read_number([&](auto at, auto into) { vf.config_read(at, into); }, offset, size);
  }
  static void set_config_of(pci::Function& vf, std::size_t offset, std::uint64_t value) {
    pci::write_number([&](auto at, auto data) { vf.config_write(at, data); }, offset, 2, value);
  }
};

TEST_F(VfTest, AppearAndGoWithVfEnable) {
  EXPECT_THAT(device_->virtual_functions(), IsEmpty());
  enable_vfs(3);
  EXPECT_EQ(device_->virtual_functions().size(), 3);
  EXPECT_EQ(device_->snapshot().vfs.size(), 3);
  disable_vfs();
  EXPECT_THAT(device_->virtual_functions(), IsEmpty());
}

TEST_F(VfTest, SayWhatTheyAre) {
  enable_vfs(2);
  pci::Function& vf = *device_->virtual_functions()[1];
  EXPECT_EQ(config_of(vf, PCI_VENDOR_ID, 4), 0xffff'ffff);
  EXPECT_EQ(config_of(vf, PCI_BASE_ADDRESS_0, 4), 0);
  EXPECT_EQ(reg_of(vf, MOCK_ACCEL_REG_FUNCTION), 0x0001'0001);
  EXPECT_EQ(reg_of(vf, MOCK_ACCEL_REG_MEMORY_SIZE, 8), (64_MiB).value());
  EXPECT_NE(device_->snapshot().vfs[0].settings.uuid, device_->snapshot().vfs[1].settings.uuid);
  EXPECT_EQ(device_->snapshot().vfs[1].settings.uuid, vf_uuid(settings().uuid, 1));
}

TEST_F(VfTest, AnswerAtTheirPartOfTheBar) {
  enable_vfs(2);
  const auto own = device_->claim(kPfAddress + 0x10);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->function, device_.get());
  const auto of_vf = device_->claim(kVfAddress + 0x1020);
  ASSERT_TRUE(of_vf);
  EXPECT_EQ(of_vf->function, device_->virtual_functions()[1]);
  EXPECT_EQ(of_vf->offset, 0x20);
  EXPECT_FALSE(device_->claim(kVfAddress + 0x2000));
  disable_vfs();
  EXPECT_FALSE(device_->claim(kVfAddress));
}

TEST_F(VfTest, HaveOwnersOfTheirOwn) {
  enable_vfs(2);
  set_reg_of(*device_->virtual_functions()[0], MOCK_ACCEL_REG_OWNER, 0x01020304);
  EXPECT_TRUE(device_->snapshot().vfs[0].allocated);
  EXPECT_FALSE(device_->snapshot().vfs[1].allocated);
  EXPECT_FALSE(device_->snapshot().allocated);
}

TEST_F(VfTest, StartAnewEachTime) {
  enable_vfs(1);
  set_reg_of(*device_->virtual_functions()[0], MOCK_ACCEL_REG_STATUS, 1);
  disable_vfs();
  enable_vfs(1);
  EXPECT_FALSE(device_->snapshot().vfs[0].allocated);
}

TEST_F(VfTest, GoWithAResetOfTheirPf) {
  enable_vfs(2);
  set_config(kExpress + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
  EXPECT_THAT(device_->virtual_functions(), IsEmpty());
  enable_vfs(2);
  device_->reset();
  EXPECT_THAT(device_->virtual_functions(), IsEmpty());
}

TEST_F(VfTest, AreResetByThemselves) {
  enable_vfs(2);
  pci::Function& vf = *device_->virtual_functions()[0];
  set_reg_of(vf, MOCK_ACCEL_REG_STATUS, 1);
  set_reg(MOCK_ACCEL_REG_STATUS, 1);
  set_config_of(vf, kExpress + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR);
  EXPECT_FALSE(device_->snapshot().vfs[0].allocated);
  EXPECT_TRUE(device_->snapshot().allocated);
  EXPECT_EQ(device_->virtual_functions().size(), 2);
}

TEST_F(VfTest, ShareTheConditionOfTheirPf) {
  ASSERT_TRUE(device_->inject("degraded", {}));
  enable_vfs(1);
  pci::Function& vf = *device_->virtual_functions()[0];
  EXPECT_EQ(reg_of(vf, MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_DEGRADED);
  set_config_of(vf, PCI_COMMAND, PCI_COMMAND_MASTER);
  set_config_of(vf, kMsix + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
  ASSERT_TRUE(device_->heal({}));
  EXPECT_EQ(reg_of(vf, MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_HEALTHY);
  EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_EVENT));
}

TEST_F(VfTest, HaveFaultsOfTheirOwn) {
  enable_vfs(2);
  pci::Function& vf = *device_->virtual_functions()[1];
  set_config_of(vf, PCI_COMMAND, PCI_COMMAND_MASTER);
  set_config_of(vf, kMsix + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
  ASSERT_TRUE(device_->inject("thermal", 97, 1));
  EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_EVENT));
  EXPECT_EQ(reg_of(vf, MOCK_ACCEL_REG_TEMPERATURE), 97'000);
  EXPECT_EQ(reg_of(vf, MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_DEGRADED);
  const Snapshot snapshot = device_->snapshot();
  EXPECT_EQ(snapshot.health, Health::healthy);
  EXPECT_THAT(snapshot.faults, IsEmpty());
  EXPECT_EQ(snapshot.vfs[0].health, Health::healthy);
  EXPECT_THAT(snapshot.vfs[1].faults, ElementsAre("thermal"));
  ASSERT_TRUE(device_->heal("thermal", 1));
  EXPECT_EQ(reg_of(vf, MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_HEALTHY);
}

TEST_F(VfTest, KeepTheirFaultsWhenTheirPfIsHealed) {
  enable_vfs(1);
  ASSERT_TRUE(device_->inject("failed", {}));
  ASSERT_TRUE(device_->inject("degraded", {}, 0));
  EXPECT_EQ(device_->snapshot().vfs[0].health, Health::failed);
  EXPECT_THAT(device_->snapshot().vfs[0].faults, ElementsAre("degraded"));
  ASSERT_TRUE(device_->heal({}));
  EXPECT_EQ(device_->snapshot().vfs[0].health, Health::degraded);
}

TEST_F(VfTest, LoseTheirFaultsWhenTheyGo) {
  enable_vfs(1);
  ASSERT_TRUE(device_->inject("failed", {}, 0));
  disable_vfs();
  enable_vfs(1);
  EXPECT_EQ(device_->snapshot().vfs[0].health, Health::healthy);
}

TEST_F(VfTest, KeepTheirFaultsOverTheirReset) {
  enable_vfs(1);
  ASSERT_TRUE(device_->inject("failed", {}, 0));
  device_->virtual_functions()[0]->reset();
  EXPECT_EQ(device_->snapshot().vfs[0].health, Health::failed);
}

TEST_F(VfTest, HaveNoFaultsUnlessTheyAreThere) {
  enable_vfs(2);
  EXPECT_EQ(device_->inject("failed", {}, 2).error().message, "VF 2 is not there: 2 are enabled");
  EXPECT_FALSE(device_->heal({}, 2));
}

Condition condition_with(std::string_view fault) {
  Condition condition;
  EXPECT_TRUE(inject_fault(condition, fault, std::nullopt));
  return condition;
}

TEST_F(VfTest, HavePlannedFaultsWheneverTheyCome) {
  device_->set_scheduled(condition_with("degraded"), 1);
  enable_vfs(2);
  EXPECT_EQ(device_->snapshot().vfs[0].health, Health::healthy);
  EXPECT_EQ(device_->snapshot().vfs[1].health, Health::degraded);
  disable_vfs();
  device_->set_scheduled({}, 1);
  enable_vfs(2);
  EXPECT_EQ(device_->snapshot().vfs[1].health, Health::healthy);
}

TEST_F(AcceleratorTest, InjectedAndPlannedFaultsDoNotHealEachOther) {
  ASSERT_TRUE(device_->inject("degraded", {}));
  device_->set_scheduled(condition_with("degraded"));
  ASSERT_TRUE(device_->heal({}));
  EXPECT_EQ(device_->snapshot().health, Health::degraded);
  EXPECT_THAT(device_->snapshot().faults, ElementsAre("degraded"));
  ASSERT_TRUE(device_->inject("degraded", {}));
  device_->set_scheduled({});
  EXPECT_EQ(device_->snapshot().health, Health::degraded);
  ASSERT_TRUE(device_->heal("degraded"));
  EXPECT_EQ(device_->snapshot().health, Health::healthy);
}

}  // namespace
}  // namespace mockdev::accel
