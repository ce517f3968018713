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

  static std::vector<discovery::Event> change_of(const std::string& device) {
    return {{.device = device, .action = "change", .what = "health"}};
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

TEST_F(Feed, LooksAgainAtWhatChangedAlone) {
  machine_.add("mock0");
  machine_.add("mock1");
  look();
  machine_.looked_at = 0;
  machine_.device("mock0").health = discovery::Health::degraded;
  machine_.device("mock1").health = discovery::Health::failed;
  devices_ = feed_.look_again(change_of("mock1"));
  EXPECT_EQ(machine_.looked_at, 1U);
  ASSERT_THAT(devices_, SizeIs(2));
  EXPECT_EQ(devices_.front().health, discovery::Health::healthy) << "nobody told of it";
  EXPECT_EQ(devices_.back().health, discovery::Health::failed);
}

TEST_F(Feed, LooksAtAllWhereOneIsNew) {
  machine_.add("mock1");
  look();
  machine_.add("mock0");
  EXPECT_THAT(feed_.look_again(change_of("mock0")), SizeIs(2));
}

TEST_F(Feed, LooksAtAllWhereOneCanNotBeRead) {
  machine_.add("mock0");
  machine_.add("mock1");
  look();
  machine_.inventory.devices.pop_back();
  machine_.inventory.problems = {{.device = "mock1", .message = "uuid: broken"}};
  EXPECT_THAT(feed_.look_again(change_of("mock1")), SizeIs(1));
}

TEST(News, ThatADeviceComesOrGoesIsNoChangeInOne) {
  const discovery::Event change{.device = "mock0", .action = "change", .what = "health"};
  const discovery::Event add{.device = "mock0_vf0", .action = "add", .what = ""};
  EXPECT_TRUE(only_changes(std::vector{change, change}));
  EXPECT_FALSE(only_changes(std::vector{change, add}));
  EXPECT_FALSE(only_changes({})) << "nobody told of anything";
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
