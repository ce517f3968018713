// SPDX-License-Identifier: Apache-2.0
// The lab's mock-accel-server.
#pragma once

#include <chrono>

#include "base/error.h"
#include "base/process.h"
#include "lab/installation.h"
#include "lab/run_folder.h"
#include "topology/topology.h"

namespace mockdev::lab {

/// One server for all devices of the lab, with its sockets and its control socket in the run
/// folder.
[[nodiscard]] Command server_command(const Installation& installation, const RunFolder& folder);

/// Waits until the sockets of these nodes' devices and the control socket are there. Fails with the
/// server's last words if it ends, and if it takes too long.
[[nodiscard]] Result<void> wait_until_serving(const ProcessId& server, const RunFolder& folder,
                                              const std::vector<topology::Node>& nodes,
                                              const Interrupt& interrupt);

}  // namespace mockdev::lab
