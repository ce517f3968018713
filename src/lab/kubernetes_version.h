// SPDX-License-Identifier: Apache-2.0
// Versions of Kubernetes, and what has to be switched on in each to have all of DRA.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mockdev::lab {

/// Version 1.minor.patch.
struct KubernetesVersion {
  unsigned minor;
  unsigned patch;
  auto operator<=>(const KubernetesVersion&) const = default;
};

/// "1.36.3".
[[nodiscard]] std::string to_string(KubernetesVersion version);

/// The minor versions that have a release of their own: "1.31" and so on, oldest first.
[[nodiscard]] std::vector<std::string> kubernetes_minors();

/// Reads "1.36", which means a certain release of it, or "1.36.3", both with or without a "v".
/// Fails for anything older than 1.31.
[[nodiscard]] Result<KubernetesVersion> parse_kubernetes_version(std::string_view text);

/// The feature gates of DRA that this version has and does not open by itself. All of Kubernetes'
/// programs know them.
[[nodiscard]] std::vector<std::string> feature_gates(KubernetesVersion version);

/// The versions of the API group resource.k8s.io that this version is able to serve, newest first.
[[nodiscard]] std::vector<std::string> resource_api_versions(KubernetesVersion version);

}  // namespace mockdev::lab
