// SPDX-License-Identifier: Apache-2.0
// From a started QEMU to a guest that is of use.
#pragma once

#include <chrono>
#include <functional>
#include <string_view>

#include "base/error.h"
#include "base/process.h"
#include "lab/progress.h"
#include "lab/run_folder.h"
#include "lab/state.h"

namespace mockdev::lab {

/// What a guest says of itself on its second serial port when it has come up.
struct GuestReport {
  bool ready = false;    ///< it has come up and its ssh server answers
  bool payload = false;  ///< what is on the payload disk was started
  unsigned devices = 0;  ///< PFs in its /sys/class/mock-accel

  bool operator==(const GuestReport&) const = default;
};

/// Reads a report, complete or not. Lines that are none of it are skipped.
[[nodiscard]] GuestReport parse_report(std::string_view text);

/// Waits for the guest's report. The guest is not asked, since each question would cost an emulated
/// one more of the time that it needs to come up. Fails with QEMU's last words if it ends, at
/// once if the guest's kernel panics, and with the guest's last words if the report is not there at
/// `end`.
[[nodiscard]] Result<GuestReport> wait_for_report(const RunFolder& folder, const NodeState& node,
                                                  std::chrono::steady_clock::time_point end,
                                                  const Interrupt& interrupt);

/// Opens the connection that commands share. `record` is called with its process before it begins.
[[nodiscard]] Result<void> open_shared_connection(
    const RunFolder& folder, const NodeState& node, std::chrono::steady_clock::time_point end,
    const Interrupt& interrupt, const std::function<Result<void>(const ProcessId&)>& record);

/// Success if the guest has so many devices. Else the error has what the guest's logs say, for
/// which the shared connection must be open.
[[nodiscard]] Result<void> check_report(const GuestReport& report, const RunFolder& folder,
                                        const NodeState& node, unsigned devices,
                                        const Interrupt& interrupt);

/// All of it: from power-on until the guest has so many devices and commands reach it.
[[nodiscard]] Result<void> wait_until_up(
    const RunFolder& folder, const NodeState& node, unsigned devices,
    std::chrono::steady_clock::time_point end, const Interrupt& interrupt, Progress& progress,
    const std::function<Result<void>(const ProcessId&)>& record);

}  // namespace mockdev::lab
