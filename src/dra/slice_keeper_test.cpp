// SPDX-License-Identifier: Apache-2.0
#include "dra/slice_keeper.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::dra {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

class Keeper : public testing::Test {
 protected:
  Keeper() {
    api_.put({.version = "v1", .plural = "nodes", .name = "n1"}, {{"metadata", {{"uid", "u"}}}});
    settings_.publisher = {.driver = DriverName("d"), .node = NodeName("n1"), .api_version = "v1"};
    settings_.slices = {.driver = DriverName("d"), .node = NodeName("n1")};
    settings_.first_backoff = milliseconds(1);
    settings_.on_pass = [this](const Result<Published>& pass) {
      if (!pass) ++failures_;
    };
  }

  /// Runs a keeper until it has published the machine's devices.
  void keep(SliceKeeper& keeper) {
    keeper.set_devices(machine_.inventory.devices);
    while (!keeper.up_to_date()) std::this_thread::sleep_for(milliseconds(1));
  }

  [[nodiscard]] std::vector<json> slices() const {
    std::vector<json> all;
    for (const auto& [path, object] : api_.objects) {
      if (path.find("resourceslices") != std::string::npos) all.push_back(object);
    }
    return all;
  }

  FakeApi api_;
  FakeAccelerators machine_;
  SliceKeeperSettings settings_;
  std::atomic<int> failures_ = 0;
};

TEST_F(Keeper, PublishesWhatItIsTold) {
  machine_.add("mock0");
  {
    SliceKeeper keeper(api_, settings_);
    EXPECT_FALSE(keeper.up_to_date());
    keep(keeper);
    machine_.add("mock1");
    keep(keeper);
  }
  ASSERT_THAT(slices(), testing::SizeIs(1));
  EXPECT_THAT(slices().front()["spec"]["devices"], testing::SizeIs(2));
  EXPECT_THAT(api_.writes, testing::ElementsAre("create", "update"));
}

TEST_F(Keeper, ReadingsThatNobodyPublishesAreNoReasonToAskTheServer) {
  machine_.add("mock0");
  SliceKeeper keeper(api_, settings_);
  keep(keeper);
  machine_.device("mock0").readings->temperature = 99000;
  keeper.set_devices(machine_.inventory.devices);
  EXPECT_TRUE(keeper.up_to_date());
}

TEST_F(Keeper, TriesAgainAfterAFailure) {
  machine_.add("mock0");
  api_.next_failure = kube::reason::kServiceUnavailable;
  {
    SliceKeeper keeper(api_, settings_);
    keep(keeper);
  }
  EXPECT_EQ(failures_, 1);
  EXPECT_THAT(slices(), testing::SizeIs(1));
}

TEST_F(Keeper, DoesWithoutWhatTheServerDrops) {
  api_.on_store = [](json& object) {
    if (!object.contains("spec")) return;
    object["spec"].erase("sharedCounters");
    if (!object["spec"].contains("devices")) return;
    for (json& device : object["spec"]["devices"]) {
      device.erase("taints");
      device.erase("consumesCounters");
    }
  };
  machine_.add("mock0").vfs = {.total = 4, .enabled = 1};
  machine_.add("mock0_vf0").health = discovery::Health::degraded;
  machine_.add("mock1").health = discovery::Health::failed;
  {
    SliceKeeper keeper(api_, settings_);
    keep(keeper);
  }
  ASSERT_THAT(slices(), testing::SizeIs(1));
  ASSERT_THAT(slices().front()["spec"]["devices"], testing::SizeIs(1));
  EXPECT_EQ(slices().front()["spec"]["devices"][0]["name"], "mock0-vf0");
}

}  // namespace
}  // namespace mockdev::dra
