// SPDX-License-Identifier: Apache-2.0
// The end of a lab, and of one that did not come up: the same way for both.
#pragma once

#include <chrono>

#include "base/error.h"
#include "lab/run_folder.h"
#include "lab/state.h"

namespace mockdev::lab {

/// Asks the guests to power off and waits for that, at most `grace` for all of them.
void power_off(const RunFolder& folder, const LabState& state, std::chrono::seconds grace);

/// Stops whatever still runs of a lab, in the reverse order of its start, and removes its folder.
[[nodiscard]] Result<void> tear_down(const RunFolder& folder, const LabState& state);

}  // namespace mockdev::lab
