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

const Server k136{.api_version = "v1", .minor = 36};

TEST(ClusterTest, KnowsItsVersions) {
  ClusterApi api(json::parse(R"({"status": {"nodeInfo": {"kubeletVersion": "v1.34.1+vendor"}}})"));
  const auto server = look_at_server(api, {});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(server->api_version, "v1");
  EXPECT_EQ(server->minor, 36);
  EXPECT_EQ(kubelet_minor(api, *server, dra::NodeName("n1")).value(), 34);
}

TEST(ClusterTest, AVersionThatIsAskedForIsTaken) {
  ClusterApi api(json::object());
  CommonSettings settings;
  settings.api_version = "v1beta2";
  EXPECT_EQ(look_at_server(api, settings)->api_version, "v1beta2");
}

TEST(ClusterTest, ANodeThatDoesNotSayIsTakenForTheServersAge) {
  ClusterApi api(json::object());
  EXPECT_EQ(kubelet_minor(api, k136, dra::NodeName("n1")).value(), 36);
}

TEST(ClusterTest, WithoutTheNodeThereIsNothingToDoYet) {
  ClusterApi api(json::object());
  const auto kubelet = kubelet_minor(api, k136, dra::NodeName("n2"));
  ASSERT_FALSE(kubelet);
  EXPECT_THAT(kubelet.error().message, HasSubstr("nodes n2"));
}

}  // namespace
}  // namespace mockdev::driver
