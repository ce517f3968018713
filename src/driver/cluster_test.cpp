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

Result<NodeFacts> look(kube::Api& api, const Server& server, const std::string& node = "n1") {
  return look_at_node(api, server, dra::NodeName(node), dra::DriverName("accel.example.com"));
}

/// The number of VFs that a Node with this label wants.
std::optional<unsigned> vfs_of(const std::string& label) {
  const json labels = {{"accel.example.com/vfs", label}};
  ClusterApi api(json{{"metadata", {{"labels", labels}}}});
  const auto node = look(api, k136);
  EXPECT_TRUE(node);
  return node->vfs;
}

TEST(ClusterTest, KnowsItsVersions) {
  ClusterApi api(json::parse(R"({"status": {"nodeInfo": {"kubeletVersion": "v1.34.1+vendor"}}})"));
  const auto server = look_at_server(api, {});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(server->api_version, "v1");
  EXPECT_EQ(server->minor, 36);
  EXPECT_EQ(look(api, *server)->kubelet_minor, 34);
}

TEST(ClusterTest, AVersionThatIsAskedForIsTaken) {
  ClusterApi api(json::object());
  CommonSettings settings;
  settings.api_version = "v1beta2";
  EXPECT_EQ(look_at_server(api, settings)->api_version, "v1beta2");
}

TEST(ClusterTest, ANodeThatDoesNotSayIsTakenForTheServersAge) {
  ClusterApi api(json::object());
  EXPECT_EQ(look(api, k136)->kubelet_minor, 36);
}

TEST(ClusterTest, WithoutTheNodeThereIsNothingToDoYet) {
  ClusterApi api(json::object());
  const auto node = look(api, k136, "n2");
  ASSERT_FALSE(node);
  EXPECT_THAT(node.error().message, HasSubstr("nodes n2"));
}

TEST(ClusterTest, ALabelOfTheNodeSaysHowManyVfsItsDevicesHave) {
  EXPECT_EQ(vfs_of("8"), 8U);
  EXPECT_EQ(vfs_of("0"), 0U);
  ClusterApi api(json::object());
  EXPECT_EQ(look(api, k136)->vfs, std::nullopt);
}

TEST(ClusterTest, ALabelThatMakesNoSenseIsAsNone) {
  for (const char* const label : {"many", "65", "-1", "4.5", "4 "}) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(vfs_of(label), std::nullopt) << label;
    EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("not a number from 0 to 64"));
  }
}

}  // namespace
}  // namespace mockdev::driver
