// SPDX-License-Identifier: Apache-2.0
#include "lab/kubernetes_version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(KubernetesVersion, IsAReleaseWhereOnlyTheMinorIsNamed) {
  EXPECT_EQ(to_string(parse_kubernetes_version("1.31").value()), "1.31.0");
  EXPECT_EQ(to_string(parse_kubernetes_version("v1.36").value()), "1.36.3");
}

TEST(KubernetesVersion, IsTakenAsItIsWhereAllOfItIsNamed) {
  EXPECT_EQ(to_string(parse_kubernetes_version("1.36.1").value()), "1.36.1");
  EXPECT_EQ(to_string(parse_kubernetes_version("v1.38.0").value()), "1.38.0");
}

TEST(KubernetesVersion, EveryMinorThatIsOfferedIsOne) {
  for (const std::string& minor : kubernetes_minors()) {
    EXPECT_TRUE(parse_kubernetes_version(minor)) << minor;
  }
}

TEST(KubernetesVersion, IsRefusedWithThoseThatThereAre) {
  for (const char* text : {"", "1", "1.", "1.30", "1.30.4", "1.38", "2.36", "1.36.", "1.36.x",
                           "1.36.3.1", "1.-36", "newest", "v", "1.99999999999"}) {
    const auto version = parse_kubernetes_version(text);
    ASSERT_FALSE(version) << text;
    EXPECT_THAT(version.error().message, HasSubstr(" is none of 1.31, 1.32, "));
  }
}

TEST(FeatureGates, OpenDraWhereItIsClosed) {
  EXPECT_THAT(feature_gates({.minor = 31, .patch = 0}), Contains("DynamicResourceAllocation"));
  EXPECT_THAT(feature_gates({.minor = 33, .patch = 0}), Contains("DRAPartitionableDevices"));
}

TEST(FeatureGates, AreNotThoseThatAVersionDoesNotKnow) {
  // Any of Kubernetes' programs would refuse to start.
  EXPECT_THAT(feature_gates({.minor = 31, .patch = 0}), Not(Contains("DRAAdminAccess")));
}

TEST(FeatureGates, AreNotThoseThatAreOpenAnyhow) {
  EXPECT_THAT(feature_gates({.minor = 36, .patch = 3}), Not(Contains("DynamicResourceAllocation")));
}

TEST(ResourceApiVersions, AreThoseThatAVersionServes) {
  EXPECT_THAT(resource_api_versions({.minor = 31, .patch = 0}), ElementsAre("v1alpha3"));
  EXPECT_THAT(resource_api_versions({.minor = 32, .patch = 2}), ElementsAre("v1beta1", "v1alpha3"));
  EXPECT_THAT(resource_api_versions({.minor = 36, .patch = 3}),
              ElementsAre("v1", "v1beta2", "v1beta1", "v1alpha3"));
  EXPECT_THAT(resource_api_versions({.minor = 39, .patch = 0}), ElementsAre("v1", "v1alpha3"));
}

}  // namespace
}  // namespace mockdev::lab
