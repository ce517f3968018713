// SPDX-License-Identifier: Apache-2.0
#include "accel/registers.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pci/testing.h"

namespace mockdev::accel {
namespace {

using testing::Each;
using testing::HasSubstr;

Uuid uuid(std::string_view text) {
  return *parse_uuid(text);
}

const Uuid kDevice = uuid("00112233-4455-6677-8899-aabbccddeeff");
const Uuid kClaim = uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
const Uuid kOtherClaim = uuid("ffffffff-0000-4000-8000-000000000001");

class RegistersTest : public testing::Test {
 protected:
  std::uint64_t read(std::uint64_t offset, std::size_t size = 4) const {
    const std::scoped_lock lock(state_.lock);
    return pci::read_number([&](auto at, auto into) { read_registers(state_, at, into); }, offset,
                            size);
  }
  void write(std::uint64_t offset, std::uint64_t value, std::size_t size = 4) {
    const std::scoped_lock lock(state_.lock);
    pci::write_number([&](auto at, auto data) { write_registers(state_, at, data); }, offset, size,
                      value);
  }
  Uuid read_uuid(std::uint64_t offset) const {
    const std::scoped_lock lock(state_.lock);
    Uuid::Bytes bytes;
    read_registers(state_, offset, bytes);
    return Uuid(bytes);
  }
  void write_owner(const Uuid& owner) {
    const std::scoped_lock lock(state_.lock);
    write_registers(state_, MOCK_ACCEL_REG_OWNER, owner.bytes());
  }
  std::string passphrase() const {
    const std::scoped_lock lock(state_.lock);
    std::array<char, MOCK_ACCEL_PASSPHRASE_SIZE> text{};
    read_registers(state_, MOCK_ACCEL_REG_PASSPHRASE_TEXT, std::as_writable_bytes(std::span(text)));
    return text.data();
  }
  void leave_data() {
    const std::array<std::byte, 1> secret{std::byte{42}};
    ASSERT_TRUE(state_.memory->write(1000, secret));
    write(MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_GENERATE);
    ASSERT_TRUE(has_data());
  }
  bool has_data() const {
    const std::string text = passphrase();
    const std::scoped_lock lock(state_.lock);
    return !state_.memory->is_blank() || !text.empty();
  }
  void reset() {
    const std::scoped_lock lock(state_.lock);
    state_.reset();
  }

  State state_{kDevice, 16_GiB, MOCK_ACCEL_CAP_COMPUTE | MOCK_ACCEL_CAP_P2P};
};

TEST_F(RegistersTest, IdentifyTheDevice) {
  EXPECT_EQ(read(MOCK_ACCEL_REG_DEVICE_ID), 0x4b434f4dU);
  EXPECT_EQ(read(MOCK_ACCEL_REG_REVISION), 0x00010000U);
  EXPECT_EQ(read_uuid(MOCK_ACCEL_REG_UUID), kDevice);
  EXPECT_EQ(read(MOCK_ACCEL_REG_FUNCTION), 0U);
  EXPECT_EQ(read(MOCK_ACCEL_REG_ABI), MOCK_ACCEL_ABI_VERSION);
  EXPECT_EQ(read(MOCK_ACCEL_REG_MEMORY_SIZE, 8), (16_GiB).value());
  EXPECT_EQ(read(MOCK_ACCEL_REG_CAPABILITIES), 9U);
  EXPECT_EQ(read(MOCK_ACCEL_REG_FW_VERSION), 0x01000000U);
}

TEST_F(RegistersTest, ShowTheHardwaresCondition) {
  EXPECT_EQ(read(MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_HEALTHY);
  EXPECT_EQ(read(MOCK_ACCEL_REG_TEMPERATURE), 45'000U);
  ASSERT_TRUE(inject_fault(state_.condition, "thermal", 120));
  ASSERT_TRUE(inject_fault(state_.condition, "errors", 7));
  EXPECT_EQ(read(MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_DEGRADED);
  EXPECT_EQ(read(MOCK_ACCEL_REG_TEMPERATURE), 120'000U);
  EXPECT_EQ(read(MOCK_ACCEL_REG_ERROR_COUNT), 7U);
}

TEST_F(RegistersTest, DoNotOverlapAndStayWithinTheBar) {
  std::uint32_t end = 0;
  for (const Register& row : registers()) {
    EXPECT_GE(row.offset, end) << row.name;
    end = row.offset + row.size;
  }
  EXPECT_LE(end, std::uint32_t{MOCK_ACCEL_BAR_SIZE});
}

TEST_F(RegistersTest, AccessSaysWhatTheHandlersDo) {
  for (const Register& row : registers()) {
    EXPECT_EQ(row.write == nullptr, row.access == Access::read_only) << row.name;
    EXPECT_TRUE(row.access != Access::write_only || row.read == nullptr) << row.name;
  }
}

TEST_F(RegistersTest, TheDocumentationHasTheSameTable) {
  std::ifstream file(MOCK_DEVICE_REGISTERS_PAGE);
  std::ostringstream page;
  page << file.rdbuf();
  for (const Register& row : registers()) {
    constexpr std::array<std::string_view, 3> kAccess = {"ro", "rw", "wo"};
    EXPECT_THAT(page.str(), HasSubstr(fmt::format(
                                "| 0x{:03x} | {} | {} | {} | {} |", row.offset, row.size, row.name,
                                kAccess.at(std::to_underlying(row.access)), row.meaning)));
  }
}

TEST_F(RegistersTest, GapsReadZeroAndIgnoreWrites) {
  std::vector<std::byte> ones(MOCK_ACCEL_BAR_SIZE, std::byte{0xff});
  write_registers(state_, 0x500, std::span(ones).first(0x300));
  std::array<std::byte, 0x300> gap{};
  gap.fill(std::byte{1});
  read_registers(state_, 0x500, gap);
  EXPECT_THAT(gap, Each(std::byte{0}));
}

TEST_F(RegistersTest, ReadsOfAnyShapeSeeTheSameBytes) {
  write_owner(kClaim);
  write(MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_GENERATE);
  std::vector<std::byte> whole(MOCK_ACCEL_BAR_SIZE);
  read_registers(state_, 0, whole);
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t offset = random() % MOCK_ACCEL_BAR_SIZE;
    std::vector<std::byte> part(1 +
                                random() % std::min<std::size_t>(64, MOCK_ACCEL_BAR_SIZE - offset));
    read_registers(state_, offset, part);
    EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(offset, part.size())));
  }
}

TEST_F(RegistersTest, WritesOfAnyShapeAreTheSameAsTheirBytesInOrder) {
  State bytewise(kDevice, 16_GiB, 9);
  std::mt19937 random(4);
  for (int round = 0; round < 20'000; ++round) {
    // Where most registers are; low bytes, so that lengths and commands are often right ones.
    const std::size_t offset = random() % 0x120;
    std::vector<std::byte> data(1 + (random() % 24));
    for (std::byte& byte : data) byte = static_cast<std::byte>(random() % 6);
    write_registers(state_, offset, data);
    for (std::size_t i = 0; i < data.size(); ++i) {
      write_registers(bytewise, offset + i, std::span(data).subspan(i, 1));
    }
    std::array<std::byte, MOCK_ACCEL_REG_PASSPHRASE_TEXT> seen{};
    std::array<std::byte, MOCK_ACCEL_REG_PASSPHRASE_TEXT> expected{};
    read_registers(state_, 0, seen);
    read_registers(bytewise, 0, expected);
    ASSERT_EQ(seen, expected) << "after " << data.size() << " bytes at " << offset;
  }
}

TEST_F(RegistersTest, AnOwnerAllocatesTheDevice) {
  write_owner(kClaim);
  EXPECT_EQ(read_uuid(MOCK_ACCEL_REG_OWNER), kClaim);
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_ALLOCATED);
  write_owner(Uuid{});
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_FREE);
}

TEST_F(RegistersTest, OneByteOfAnOwnerIsAnOwner) {
  write(MOCK_ACCEL_REG_OWNER + 9, 0x80, 1);
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_ALLOCATED);
}

TEST_F(RegistersTest, StatusAllocatesWithoutAnOwnerAndFreesWithOne) {
  write(MOCK_ACCEL_REG_STATUS, 1);
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_ALLOCATED);
  EXPECT_TRUE(read_uuid(MOCK_ACCEL_REG_OWNER).is_nil());
  write_owner(kClaim);
  write(MOCK_ACCEL_REG_STATUS, 0);
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_FREE);
  EXPECT_TRUE(read_uuid(MOCK_ACCEL_REG_OWNER).is_nil());
}

TEST_F(RegistersTest, OnlyBitZeroOfStatusCounts) {
  write(MOCK_ACCEL_REG_STATUS, 0xfffffffe);
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_FREE);
  write(MOCK_ACCEL_REG_STATUS, 0xffffffff);
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_ALLOCATED);
}

TEST_F(RegistersTest, NoOwnersDataReachesTheNext) {
  write_owner(kClaim);
  leave_data();
  write_owner(kOtherClaim);
  EXPECT_FALSE(has_data());
  leave_data();
  write(MOCK_ACCEL_REG_STATUS, 0);
  EXPECT_FALSE(has_data());
  write(MOCK_ACCEL_REG_STATUS, 1);
  leave_data();
  reset();
  EXPECT_FALSE(has_data());
}

TEST_F(RegistersTest, TheSameOwnerAgainKeepsItsData) {
  write_owner(kClaim);
  leave_data();
  write_owner(kClaim);
  write(MOCK_ACCEL_REG_STATUS, 1);
  EXPECT_TRUE(has_data());
}

TEST_F(RegistersTest, PassphrasesComeOnCommand) {
  EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_LENGTH), 6U);
  EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_STATUS), MOCK_ACCEL_PASSPHRASE_STATUS_IDLE);
  write(MOCK_ACCEL_REG_PASSPHRASE_LENGTH, 4);
  write(MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_GENERATE);
  EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_STATUS), MOCK_ACCEL_PASSPHRASE_STATUS_READY);
  EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_COUNT), 1U);
  EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_CMD), 0U);
  EXPECT_EQ(std::ranges::count(passphrase(), '-'), 3);
  write(MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_CLEAR);
  EXPECT_EQ(passphrase(), "");
  EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_STATUS), MOCK_ACCEL_PASSPHRASE_STATUS_IDLE);
}

TEST_F(RegistersTest, AWrongPassphraseLengthIsAnErrorThatChangesNothingElse) {
  write(MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_GENERATE);
  const std::string before = passphrase();
  for (const std::uint32_t length : {0U, 3U, 13U, 0xffffffffU}) {
    write(MOCK_ACCEL_REG_PASSPHRASE_LENGTH, length);
    write(MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_GENERATE);
    EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_STATUS), MOCK_ACCEL_PASSPHRASE_STATUS_ERROR);
    EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_COUNT), 1U);
    EXPECT_EQ(passphrase(), before);
  }
}

TEST_F(RegistersTest, AResetFreesTheDeviceAndKeepsItsFaults) {
  write_owner(kClaim);
  write(MOCK_ACCEL_REG_PASSPHRASE_LENGTH, 12);
  ASSERT_TRUE(inject_fault(state_.condition, "failed", std::nullopt));
  reset();
  EXPECT_EQ(read(MOCK_ACCEL_REG_STATUS), MOCK_ACCEL_STATUS_FREE);
  EXPECT_EQ(read(MOCK_ACCEL_REG_PASSPHRASE_LENGTH), 6U);
  EXPECT_EQ(read(MOCK_ACCEL_REG_HEALTH), MOCK_ACCEL_HEALTH_FAILED);
}

TEST_F(RegistersTest, TheMsixTableKeepsWhatIsWrittenToPartsOfIt) {
  write(MOCK_ACCEL_MSIX_TABLE + 16, 0xfee00004);
  write(MOCK_ACCEL_MSIX_TABLE + 24, 0x4041);
  EXPECT_EQ(read(MOCK_ACCEL_MSIX_TABLE + 12), 1U);  // masked after reset
  EXPECT_EQ(read(MOCK_ACCEL_MSIX_TABLE + 16, 8), 0xfee00004U);
  EXPECT_EQ(read(MOCK_ACCEL_MSIX_TABLE + 24, 8), 0x1'0000'4041U);
}

TEST_F(RegistersTest, PendingInterruptsShowInThePendingBits) {
  pci::RecordingSink sink(/*shows_table=*/true);
  state_.msix.set_sink(&sink);
  state_.msix.set_control({.enabled = true});
  state_.msix.raise(1);
  write(MOCK_ACCEL_MSIX_PBA, 0);
  EXPECT_EQ(read(MOCK_ACCEL_MSIX_PBA, 8), 2U);
  write(MOCK_ACCEL_MSIX_TABLE + 28, 0);
  EXPECT_EQ(read(MOCK_ACCEL_MSIX_PBA, 8), 0U);
  EXPECT_THAT(sink.vectors, testing::ElementsAre(1));
}

}  // namespace
}  // namespace mockdev::accel
