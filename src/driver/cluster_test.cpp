// SPDX-License-Identifier: Apache-2.0
#include "driver/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dra/testing.h"

namespace mockdev::driver {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// A server of Kubernetes 1.36 with one node.
class ClusterApi final : public dra::FakeApi {
 public:
  explicit ClusterApi(const json& node) {
    put({.version = "v1", .plural = "nodes", .name = "n1"}, node);
  }
  kube::ApiResult<json> get_path(std::string_view path, const kube::CallLimits& limits) override {
    if (path == "/version") {
      return json{{"major", "1"}, {"minor", "36"}, {"gitVersion", "v1.36.3"}};
    }
    if (path == "/apis/resource.k8s.io") {
      return json{{"versions", {{{"version", "v1"}}}}};
    }
    if (path == "/apis/resource.k8s.io/v1") {
      return json{{"resources", {{{"name", "resourceslices"}}, {{"name", "resourceclaims"}}}}};
    }
    return FakeApi::get_path(path, limits);
  }
};

TEST(ClusterTest, KnowsItsVersions) {
  ClusterApi api(json::parse(R"({"status": {"nodeInfo": {"kubeletVersion": "v1.34.1+vendor"}}})"));
  const auto cluster = look_at_cluster(api, dra::NodeName("n1"));
  ASSERT_TRUE(cluster) << cluster.error().message;
  EXPECT_EQ(cluster->api_version, "v1");
  EXPECT_EQ(cluster->server_minor, 36);
  EXPECT_EQ(cluster->kubelet_minor, 34);
}

TEST(ClusterTest, ANodeThatDoesNotSayIsTakenForTheServersAge) {
  ClusterApi api(json::object());
  EXPECT_EQ(look_at_cluster(api, dra::NodeName("n1"))->kubelet_minor, 36);
}

TEST(ClusterTest, WithoutTheNodeThereIsNothingToDoYet) {
  ClusterApi api(json::object());
  const auto cluster = look_at_cluster(api, dra::NodeName("n2"));
  ASSERT_FALSE(cluster);
  EXPECT_THAT(cluster.error().message, HasSubstr("nodes n2"));
}

}  // namespace
}  // namespace mockdev::driver
