// SPDX-License-Identifier: Apache-2.0
// Kernel Module Management, the operator that loads kernel modules on a cluster's nodes: built from
// its own source, and installed with images that only the lab has.
#pragma once

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "lab/cache.h"
#include "lab/control_plane.h"
#include "lab/guest_image.h"
#include "lab/installation.h"
#include "lab/preparation.h"
#include "lab/tools.h"

namespace mockdev::lab {

/// Builds the operator's programs from a checkout or an archive of its source. They are then in the
/// recipe's folder itself, with the operator's manifests. An empty path is an error that says where
/// the source is to be had.
[[nodiscard]] Result<Recipe> kmm_recipe(const std::filesystem::path& source,
                                        const Installation& installation, const Builder& builder);

struct KmmImages {
  std::filesystem::path programs;  ///< the recipe's folder
  std::filesystem::path modules;   ///< mock-device's own, for the guests' kernel
};

/// What goes with the nodes' other images: the operator's, and the one that has mock-device's
/// modules.
[[nodiscard]] std::vector<Preparation> kmm_image_preparations(const KmmImages& images,
                                                              const Installation& installation,
                                                              const GuestImage& guest,
                                                              const RunFolder& folder);

/// What that takes on the payload disk.
[[nodiscard]] ByteCount kmm_payload_size(const std::filesystem::path& programs);

/// Creates the operator's objects.
[[nodiscard]] Command install_kmm(const std::filesystem::path& programs,
                                  const Installation& installation, const ControlPlane& plane);

/// Succeeds once the operator does its work.
[[nodiscard]] Command ask_kmm_ready(const ControlPlane& plane);

}  // namespace mockdev::lab
