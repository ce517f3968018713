// SPDX-License-Identifier: Apache-2.0
// The controller: what the driver does for the whole cluster rather than on a node.
#pragma once

#include "base/error.h"
#include "base/process.h"
#include "driver/settings.h"

namespace mockdev::driver {

/// Contends for the Lease `mock-accel-controller` and, while it leads, removes the slices of nodes
/// that are gone or no longer served (dra/sweeper.h) and publishes those of simulated nodes
/// (dra/simulated_nodes.h). Ends in good order when `interrupt` comes, with success. Waits for an
/// API server that does not answer. Fails only where waiting would not help: a port that is taken,
/// a topology file that is wrong.
[[nodiscard]] Result<void> run_controller(const ControllerSettings& settings,
                                          const Interrupt& interrupt);

}  // namespace mockdev::driver
