// SPDX-License-Identifier: Apache-2.0
// The payload disk: what of mock-device itself goes into a guest. It is made at each start of a
// lab, so the guest's image does not depend on it.
#pragma once

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "lab/installation.h"
#include "lab/run_folder.h"
#include "lab/tools.h"

namespace mockdev::lab {

/// The commands that make folder.payload_disk() from this program and the modules in a folder. The
/// guest finds it by its label and runs `start` on it.
[[nodiscard]] std::vector<Command> payload_commands(const Installation& installation,
                                                    const Builder& builder,
                                                    const std::filesystem::path& modules,
                                                    const RunFolder& folder);

}  // namespace mockdev::lab
