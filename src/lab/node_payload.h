// SPDX-License-Identifier: Apache-2.0
// What the payload disk has for machines that are nodes of Kubernetes. docs: lab/node/start.
#pragma once

#include <filesystem>
#include <vector>

#include "base/units.h"
#include "lab/control_plane.h"
#include "lab/guest_image.h"
#include "lab/installation.h"
#include "lab/preparation.h"

namespace mockdev::lab {

/// Fills the folder `kubernetes` of the payload's: kubelet and kube-proxy, container images, and of
/// each node its configuration and keys. The control plane's preparations come first.
[[nodiscard]] std::vector<Preparation> node_preparations(const Installation& installation,
                                                         const GuestImage& image,
                                                         const ControlPlane& plane);

/// Of the archives that a node imports at its start, in the payload's folder.
[[nodiscard]] std::filesystem::path payload_images(const RunFolder& folder);

/// What that takes on the disk.
[[nodiscard]] ByteCount node_payload_size(const ControlPlane& plane);

}  // namespace mockdev::lab
