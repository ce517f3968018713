// SPDX-License-Identifier: Apache-2.0
// The node agent: all parts of the driver on one node, from start to end.
#pragma once

#include "base/error.h"
#include "base/process.h"
#include "driver/settings.h"

namespace mockdev::driver {

/// Serves the kubelet and publishes the node's devices until `interrupt` comes; then ends in good
/// order, with success. The slices stay, and so does what is prepared: the next agent goes on with
/// it. Waits for an API server that does not answer and for a kernel module that is not loaded.
/// Fails only where waiting would not help: a port that is taken, a folder that can't be written.
[[nodiscard]] Result<void> run_agent(const AgentSettings& settings, const Interrupt& interrupt);

}  // namespace mockdev::driver
