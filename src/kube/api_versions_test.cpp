// SPDX-License-Identifier: Apache-2.0
#include "kube/api_versions.h"

#include <initializer_list>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/fake_api.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Makes a server serve the group in these versions, each with these resources.
void serve(FakeApi& api, std::initializer_list<const char*> versions,
           std::initializer_list<const char*> resources = {"resourceslices", "resourceclaims"}) {
  for (const char* version : versions) {
    api.paths["/apis/resource.k8s.io"]["versions"].push_back({{"version", version}});
    for (const char* resource : resources) {
      api.paths[std::string("/apis/resource.k8s.io/") + version]["resources"].push_back(
          {{"name", resource}});
    }
  }
}

TEST(ResourceApiVersion, IsTheNewestServed) {
  FakeApi api;
  serve(api, {"v1beta1", "v1", "v1beta2"});
  EXPECT_EQ(resource_api_version(api), "v1");
}

TEST(ResourceApiVersion, IsAnOlderOneOnAnOlderServer) {
  FakeApi api;
  serve(api, {"v1alpha3", "v1beta1"});
  EXPECT_EQ(resource_api_version(api), "v1beta1");
}

TEST(ResourceApiVersion, IsNotOneThatIsServedForOtherKinds) {
  FakeApi api;
  serve(api, {"v1alpha3"}, {"devicetaintrules"});
  EXPECT_FALSE(resource_api_version(api));
}

TEST(ResourceApiVersion, SaysWhatHasToBeEnabled) {
  FakeApi api;
  api.paths["/version"] = {{"major", "1"}, {"minor", "33"}, {"gitVersion", "v1.33.1"}};
  const auto version = resource_api_version(api);
  ASSERT_FALSE(version);
  EXPECT_TRUE(version.error().is(reason::kNotFound));
  EXPECT_THAT(version.error().message,
              AllOf(HasSubstr("v1.33.1"), HasSubstr("v1, v1beta2, v1beta1, v1alpha3"),
                    HasSubstr("DynamicResourceAllocation"), HasSubstr("--runtime-config")));
}

TEST(ResourceApiVersion, PassesOtherFailuresOn) {
  FakeApi api;
  api.before = [](const FakeApi::Call&) {
    return ApiError{.status = 401, .reason = "Unauthorized", .message = "who are you"};
  };
  EXPECT_EQ(resource_api_version(api).error().message, "who are you");
}

TEST(ServerVersion, UnderstandsVendorsSuffixes) {
  FakeApi api;
  api.paths["/version"] = {{"major", "1"}, {"minor", "36+"}, {"gitVersion", "v1.36.3-eks-1"}};
  const auto version = server_version(api);
  ASSERT_TRUE(version);
  EXPECT_EQ(version->git_version, "v1.36.3-eks-1");
  EXPECT_TRUE(version->at_least(1, 36));
  EXPECT_FALSE(version->at_least(1, 37));
  EXPECT_FALSE(version->at_least(2, 0));
}

TEST(ServerVersion, RefusesWhatIsNone) {
  FakeApi api;
  api.paths["/version"] = json::object();
  EXPECT_FALSE(server_version(api));
}

}  // namespace
}  // namespace mockdev::kube
