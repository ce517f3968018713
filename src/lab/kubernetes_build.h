// SPDX-License-Identifier: Apache-2.0
// Kubernetes' own programs: built from the modules that it publishes, or ready-made in a folder.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "lab/cache.h"
#include "lab/installation.h"
#include "lab/kubernetes_version.h"
#include "lab/tools.h"

namespace mockdev::lab {

/// Builds the programs of a control plane, kubectl, kubelet and kube-proxy of this version, which
/// are then in the recipe's folder itself. Takes ten minutes on a small computer.
[[nodiscard]] Result<Recipe> kubernetes_recipe(const Installation& installation,
                                               const Builder& builder, KubernetesVersion version);

/// The version of the ready-made programs in a folder. Fails if any is missing that a control plane
/// or, `for_nodes`, a node takes.
[[nodiscard]] Result<KubernetesVersion> version_of_programs(const std::filesystem::path& folder,
                                                            bool for_nodes);

}  // namespace mockdev::lab
