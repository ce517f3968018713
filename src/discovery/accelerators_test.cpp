// SPDX-License-Identifier: Apache-2.0
#include "discovery/accelerators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/testing.h"

namespace mockdev::discovery {
namespace {

using testing::HasSubstr;

const Uuid kOwner = *parse_uuid("11111111-2222-4333-8444-555555555555");

class KernelAcceleratorsTest : public testing::Test {
 protected:
  KernelAcceleratorsTest() { sysfs_.add({}); }

  [[nodiscard]] std::string owner() const {
    return *read_file(sysfs_.class_folder() / "mock0" / "owner", 4_KiB);
  }

  FakeSysfs sysfs_;
  TemporaryFolder dev_;
  KernelAccelerators accelerators_{sysfs_.path(), dev_.path()};
};

TEST_F(KernelAcceleratorsTest, TakingWritesTheOwnerAndFreeingAnEmptyLine) {
  ASSERT_TRUE(accelerators_.take("mock0", kOwner));
  EXPECT_EQ(owner(), "11111111-2222-4333-8444-555555555555\n");
  EXPECT_EQ(accelerators_.look().devices.front().readings->owner, kOwner);
  ASSERT_TRUE(accelerators_.free("mock0"));
  EXPECT_EQ(owner(), "\n");
}

TEST_F(KernelAcceleratorsTest, ADeviceThatIsNotThereIsGone) {
  const auto taken = accelerators_.take("mock7", kOwner);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().reason, OwnerError::Reason::gone);
  EXPECT_EQ(taken.error().message, "mock7: owner: No such file or directory");
}

TEST_F(KernelAcceleratorsTest, WhatCanNotBeWrittenHasFailed) {
  std::filesystem::remove(sysfs_.class_folder() / "mock0" / "owner");
  std::filesystem::create_directory(sysfs_.class_folder() / "mock0" / "owner");
  const auto freed = accelerators_.free("mock0");
  ASSERT_FALSE(freed);
  EXPECT_EQ(freed.error().reason, OwnerError::Reason::failed);
}

TEST_F(KernelAcceleratorsTest, OpensTheDevicesNode) {
  ASSERT_TRUE(write_file(dev_.path() / "mock0", ""));
  EXPECT_TRUE(accelerators_.open("mock0"));
  const auto missing = accelerators_.open("mock1");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("mock1: No such file"));
}

}  // namespace
}  // namespace mockdev::discovery
