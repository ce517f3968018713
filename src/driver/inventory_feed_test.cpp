// SPDX-License-Identifier: Apache-2.0
#include "driver/inventory_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::driver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Feed : public testing::Test {
 protected:
  /// What the log gets of one look.
  std::string look() {
    testing::internal::CaptureStdout();
    devices_ = feed_.look();
    return testing::internal::GetCapturedStdout();
  }

  dra::FakeAccelerators machine_;
  InventoryFeed feed_{machine_};
  std::vector<discovery::Device> devices_;
};

TEST_F(Feed, SaysEachThingOnce) {
  machine_.add("mock0");
  machine_.inventory.problems = {{.device = "mock1", .message = "uuid: broken"}};
  EXPECT_THAT(look(), testing::AllOf(HasSubstr("device=mock0 is healthy"),
                                     HasSubstr("device=mock1: uuid: broken")));
  EXPECT_THAT(devices_, SizeIs(1));
  EXPECT_EQ(look(), "");
  machine_.device("mock0").health = discovery::Health::degraded;
  EXPECT_THAT(look(), HasSubstr("device=mock0 is degraded"));
}

TEST_F(Feed, NamesAModuleThatIsNotLoaded) {
  machine_.inventory = {};
  EXPECT_THAT(look(), HasSubstr("mock-accel is not loaded"));
  EXPECT_THAT(devices_, IsEmpty());
}

TEST_F(Feed, NamesAnAbiThatItDoesNotSpeak) {
  machine_.add("mock0").abi_version = 9;
  EXPECT_THAT(look(), HasSubstr("the kernel module's ABI is 9; this driver"));
}

}  // namespace
}  // namespace mockdev::driver
