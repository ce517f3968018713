// SPDX-License-Identifier: Apache-2.0
#include "lab/kubernetes_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"

namespace mockdev::lab {
namespace {

using testing::HasSubstr;

class ReadyPrograms : public testing::Test {
 protected:
  void put(const std::string& program, const std::string& says) const {
    const std::string script = fmt::format("#!/bin/sh\necho '{}'\n", says);
    ASSERT_TRUE(write_file(folder.path() / program, script, 0755));
  }

  void put_control_plane(const std::string& says) const {
    for (const char* program :
         {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"}) {
      put(program, says);
    }
  }

  TemporaryFolder folder;
};

TEST_F(ReadyPrograms, AreOfTheVersionThatTheySay) {
  put_control_plane("Kubernetes v1.35.4");
  EXPECT_EQ(version_of_programs(folder.path(), false).value(),
            (KubernetesVersion{.minor = 35, .patch = 4}));
}

TEST_F(ReadyPrograms, MayHaveALongerVersion) {
  put_control_plane("Kubernetes v1.37.0-beta.1+abc");
  EXPECT_EQ(version_of_programs(folder.path(), false).value().minor, 37U);
}

TEST_F(ReadyPrograms, AreNamedWhereTheyAreMissing) {
  put_control_plane("Kubernetes v1.35.4");
  const auto version = version_of_programs(folder.path(), true);
  ASSERT_FALSE(version);
  EXPECT_THAT(version.error().message, HasSubstr("has no kubelet, kube-proxy, which"));
}

TEST_F(ReadyPrograms, AreRefusedWhereTheyAreSomethingElse) {
  put_control_plane("hello");
  EXPECT_FALSE(version_of_programs(folder.path(), false));
}

}  // namespace
}  // namespace mockdev::lab
