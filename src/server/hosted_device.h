// SPDX-License-Identifier: Apache-2.0
// The devices that this process serves: their places, the accelerators and the ways into a machine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "accel/accelerator.h"
#include "base/error.h"
#include "fabric/bridge.h"
#include "server/direct_device.h"
#include "server/plan.h"

namespace mockdev::server {

struct HostedDevice {
  Placement place;
  std::unique_ptr<accel::Accelerator> accelerator;
  fabric::Bridge* bridge = nullptr;  ///< that it stands behind; nullptr: none
};

/// What stands behind one socket.
struct Endpoint {
  std::filesystem::path socket;
  std::unique_ptr<fabric::Bridge> bridge;  ///< none: a device by itself
  std::unique_ptr<DirectDevice> device;    ///< the bridge or the device, for a machine
};

struct Host {
  std::vector<HostedDevice> devices;
  std::vector<Endpoint> endpoints;  ///< use `devices`
};

/// Makes the devices of a plan. They cost little before they are used, however much memory they
/// have.
[[nodiscard]] Result<Host> make_host(const Plan& plan);

/// A PF, or one of its VFs, which may or may not be enabled.
struct Target {
  const HostedDevice* device;
  std::optional<std::uint16_t> vf;  ///< its number; none: the PF

  bool operator==(const Target&) const = default;
};

/// "mock1", "mock1_vf3": as its machine's kernel names it.
[[nodiscard]] std::string device_name(const Target& target);

/// "node0/mock1", "node0/mock1_vf3".
[[nodiscard]] std::string full_name(const Target& target);

/// The PF that a person means: by UUID, by "node0/mock1", or by "mock1" if only one node has it.
/// The error says what would be right.
[[nodiscard]] Result<const HostedDevice*> find_device(std::span<const HostedDevice> devices,
                                                      std::string_view address);

/// The PF or VF that a person means: as above, a VF by its own UUID or by the name of its PF with
/// its number, "mock1_vf3", or "mock1-vf3" as in ResourceSlices.
[[nodiscard]] Result<Target> find_target(std::span<const HostedDevice> devices,
                                         std::string_view address);

}  // namespace mockdev::server
