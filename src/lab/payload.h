// SPDX-License-Identifier: Apache-2.0
// The payload disk: what of mock-device itself goes into a guest. It is made at each start of a
// lab, so the guest's image does not depend on it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "lab/architecture.h"
#include "lab/installation.h"
#include "lab/preparation.h"
#include "lab/run_folder.h"
#include "lab/tools.h"
#include "topology/topology.h"

namespace mockdev::lab {

/// What else is to go into folder.payload().
struct PayloadAdditions {
  std::vector<Preparation> preparations;
  ByteCount size;
};

/// The rules for udev, in a guest, that enable the VFs which a topology wants enabled (numvfs), by
/// the UUIDs of the devices. Empty: none.
[[nodiscard]] std::string vf_rules(const std::vector<topology::Node>& nodes);

/// What makes folder.payload_disk() from the programs of an architecture, the modules in a folder,
/// unless it is empty, and the additions. The guest finds it by its label and runs `start` on it,
/// which loads the modules.
[[nodiscard]] std::vector<Preparation> payload_preparations(const Installation& installation,
                                                            const Builder& builder,
                                                            Architecture architecture,
                                                            const std::filesystem::path& modules,
                                                            const PayloadAdditions& additions,
                                                            const RunFolder& folder);

}  // namespace mockdev::lab
