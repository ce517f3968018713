// SPDX-License-Identifier: Apache-2.0
// Which Kubernetes this is, and which version of the resource API it serves.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "kube/api.h"

namespace mockdev::kube {

inline constexpr std::string_view kResourceGroup = "resource.k8s.io";

/// The versions of resource.k8s.io with ResourceSlices, newest first.
inline constexpr std::array<std::string_view, 4> kResourceApiVersions = {"v1", "v1beta2", "v1beta1",
                                                                         "v1alpha3"};

struct ServerVersion {
  int major = 0;
  int minor = 0;
  std::string git_version;  ///< "v1.36.3"

  /// Whether it is major.minor or newer.
  [[nodiscard]] bool at_least(int wanted_major, int wanted_minor) const {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
  }
};

/// What /version says. Vendors' suffixes ("36+", "v1.36.3-eks-1") are understood.
[[nodiscard]] ApiResult<ServerVersion> server_version(Api& api, const CallLimits& limits = {});

/// The newest of kResourceApiVersions in which the server serves resourceslices and resourceclaims.
/// If there is none, the error (NotFound) names the server's version and what has to be enabled.
[[nodiscard]] ApiResult<std::string> resource_api_version(Api& api, const CallLimits& limits = {});

}  // namespace mockdev::kube
