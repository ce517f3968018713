// SPDX-License-Identifier: Apache-2.0
// From a started QEMU to a guest that is of use.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/process.h"
#include "lab/run_folder.h"
#include "lab/state.h"

namespace mockdev::lab {

/// Waits until the guest's ssh server answers. Fails with QEMU's last words if it ends, with the
/// guest's if it takes longer than until `end`.
[[nodiscard]] Result<void> wait_for_ssh(const RunFolder& folder, const NodeState& node,
                                        std::chrono::steady_clock::time_point end,
                                        const Interrupt& interrupt);

/// Opens the connection that commands share. `record` is called with its process before it begins.
[[nodiscard]] Result<void> open_shared_connection(
    const RunFolder& folder, const NodeState& node, std::chrono::steady_clock::time_point end,
    const Interrupt& interrupt, const std::function<Result<void>(const ProcessId&)>& record);

/// Waits until the payload has been started in the guest and checks that each of the node's devices
/// has its entry in /sys/class/mock-accel. The error has what the guest said.
[[nodiscard]] Result<void> check_devices(const RunFolder& folder, const NodeState& node,
                                         std::chrono::steady_clock::time_point end,
                                         const Interrupt& interrupt);

}  // namespace mockdev::lab
