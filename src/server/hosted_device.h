// SPDX-License-Identifier: Apache-2.0
// A device that this process serves: its place, the accelerator and its connection to a machine.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "accel/accelerator.h"
#include "base/error.h"
#include "server/direct_device.h"
#include "server/plan.h"

namespace mockdev::server {

struct HostedDevice {
  Placement place;
  std::unique_ptr<accel::Accelerator> accelerator;
  std::unique_ptr<DirectDevice> endpoint;  ///< uses `accelerator`
};

/// Makes the devices of a plan. They cost little before they are used, however much memory they
/// have.
[[nodiscard]] Result<std::vector<HostedDevice>> make_devices(const Plan& plan);

/// The device that a person means: by UUID, by "node0/mock1", or by "mock1" if only one node has
/// it. The error says what would be right.
[[nodiscard]] Result<const HostedDevice*> find_device(std::span<const HostedDevice> devices,
                                                      std::string_view address);

}  // namespace mockdev::server
