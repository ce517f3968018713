// SPDX-License-Identifier: Apache-2.0
#include "dra/sweeper.h"

#include <atomic>
#include <chrono>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "kube/fake_api.h"

namespace mockdev::dra {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

const kube::Resource kNodes{.version = "v1", .plural = "nodes"};
const kube::Resource kPods{.version = "v1", .plural = "pods", .ns = "system"};
const kube::Resource kResourceSlices{
    .group = "resource.k8s.io", .version = "v1", .plural = "resourceslices"};

class SweeperTest : public ::testing::Test {
 protected:
  void add_node(const std::string& name) {
    ASSERT_TRUE(api_.create(kNodes, {{"metadata", {{"name", name}}}}));
  }
  void add_slice(const std::string& name, const std::string& node,
                 const std::string& driver = "a.example.com") {
    ASSERT_TRUE(api_.create(kResourceSlices, {{"metadata", {{"name", name}}},
                                              {"spec", {{"driver", driver}, {"nodeName", node}}}}));
  }
  void add_simulated_slice(const std::string& name, const std::string& node) {
    ASSERT_TRUE(api_.create(
        kResourceSlices,
        {{"metadata", {{"name", name}, {"labels", {{"a.example.com/simulated", "true"}}}}},
         {"spec", {{"driver", "a.example.com"}, {"nodeName", node}}}}));
  }
  void add_agent(const std::string& node) {
    ASSERT_TRUE(api_.create(
        kPods, {{"metadata", {{"name", "agent-" + node}, {"labels", {{"app", "agent"}}}}},
                {"spec", {{"nodeName", node}}}}));
  }

  void sweep(milliseconds grace = milliseconds(0), const std::string& selector = "") {
    sweeper_.emplace(api_, SweeperSettings{.driver = DriverName("a.example.com"),
                                           .api_version = "v1",
                                           .grace = grace,
                                           .agent_namespace = "system",
                                           .agent_selector = selector,
                                           .retry = milliseconds(1),
                                           .on_removal = [this](const Result<void>& done) {
                                             ++(done ? removed_ : failed_);
                                           }});
  }

  bool has_slice(const std::string& name) {
    return api_.get(kResourceSlices.named(name)).has_value();
  }

  kube::FakeApi api_;
  std::atomic<int> removed_ = 0;
  std::atomic<int> failed_ = 0;
  std::optional<Sweeper> sweeper_;
};

TEST_F(SweeperTest, RemovesTheSlicesOfNodesThatAreGone) {
  add_node("n1");
  add_slice("s1", "n1");
  add_slice("s2", "n2");
  add_slice("s3", "n2", "other.example.com");
  sweep();
  EXPECT_TRUE(eventually([&] { return !has_slice("s2"); }));
  ASSERT_TRUE(api_.remove(kNodes.named("n1")));
  EXPECT_TRUE(eventually([&] { return !has_slice("s1"); }));
  EXPECT_TRUE(has_slice("s3"));
  EXPECT_TRUE(eventually([&] { return removed_ == 2; }));
}

TEST_F(SweeperTest, NodesThatComeBackInTimeKeepTheirs) {
  add_slice("s1", "n1");
  add_slice("s2", "n2");
  sweep(std::chrono::hours(1));
  ASSERT_TRUE(eventually([&] { return api_.count("watch") == 2; }));
  add_node("n1");
  sweeper_.reset();
  EXPECT_TRUE(has_slice("s1") && has_slice("s2"));
}

TEST_F(SweeperTest, ANodeWithoutAnAgentIsNotServed) {
  add_node("n1");
  add_node("n2");
  add_agent("n1");
  add_slice("s1", "n1");
  add_slice("s2", "n2");
  sweep(milliseconds(0), "app=agent");
  EXPECT_TRUE(eventually([&] { return !has_slice("s2"); }));
  EXPECT_TRUE(has_slice("s1"));
  ASSERT_TRUE(api_.remove(kPods.named("agent-n1")));
  EXPECT_TRUE(eventually([&] { return !has_slice("s1"); }));
}

TEST_F(SweeperTest, SimulatedSlicesNeedANodeButNoAgent) {
  add_node("n1");
  add_simulated_slice("s1", "n1");
  add_simulated_slice("s2", "n2");
  sweep(milliseconds(0), "app=agent");
  EXPECT_TRUE(eventually([&] { return !has_slice("s2"); }));
  EXPECT_TRUE(has_slice("s1"));
}

TEST_F(SweeperTest, SlicesOfNoNodeAreNotItsConcern) {
  add_slice("s1", "");
  add_slice("s2", "n2");
  sweep();
  EXPECT_TRUE(eventually([&] { return !has_slice("s2"); }));
  EXPECT_TRUE(has_slice("s1"));
}

TEST_F(SweeperTest, TriesAgainWhatFails) {
  std::atomic<int> failures = 2;
  api_.before = [&](const kube::FakeApi::Call& call) -> std::optional<kube::ApiError> {
    if (call.verb != "delete" || failures-- <= 0) return std::nullopt;
    return kube::ApiError{.status = 403, .reason = "Forbidden", .message = "delete: forbidden"};
  };
  add_slice("s1", "n1");
  sweep();
  EXPECT_TRUE(eventually([&] { return !has_slice("s1"); }));
  EXPECT_EQ(failed_, 2);
}

}  // namespace
}  // namespace mockdev::dra
