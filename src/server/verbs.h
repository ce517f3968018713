// SPDX-License-Identifier: Apache-2.0
// What the control socket can be asked for. docs/server.md is its reference.
#pragma once

#include <span>
#include <vector>

#include "control/protocol.h"
#include "server/hosted_device.h"
#include "server/schedule.h"
#include "vfio_user/server.h"

namespace mockdev::server {

/// The verbs for `devices` as `server` serves them, with the faults that `schedule` has planned.
/// All must outlive the result.
[[nodiscard]] std::vector<control::Verb> control_verbs(std::span<const HostedDevice> devices,
                                                       const vfio_user::Server& server,
                                                       const Schedule& schedule);

}  // namespace mockdev::server
