// SPDX-License-Identifier: Apache-2.0
// What a claim says of one of its devices: an entry of its `status.devices` (Kubernetes' KEP-4817).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "discovery/device.h"
#include "dra/names.h"

namespace mockdev::dra {

/// Which of a claim's devices. A claim says of each at most one thing.
struct ClaimedDeviceId {
  PoolName pool;
  DeviceName device;
  std::optional<std::string> share_id;

  auto operator<=>(const ClaimedDeviceId&) const = default;
};

/// What the device is, for readers of the claim who do not know the slice. Named as its attributes
/// are, without the domain. Empty members are left out.
struct DeviceFacts {
  std::string uuid;
  std::string pci_address;
  std::optional<std::int64_t> numa_node;

  bool operator==(const DeviceFacts&) const = default;
};

/// The condition "Ready" of a prepared device, and what the device is.
struct DeviceStatus {
  ClaimedDeviceId id;
  bool ready = false;
  std::string reason = {};   ///< "Prepared"; of one that is not ready: "Degraded", "Failed", "Gone"
  std::string message = {};  ///< the same for a person
  std::string since = {};    ///< when `ready` became what it is, as Kubernetes writes it
  DeviceFacts facts = {};

  bool operator==(const DeviceStatus&) const = default;
};

/// What is to be said of a prepared device now. `device` is null if the node has it no more: what
/// it was is then repeated from `before`, which is what the claim says of it so far, if it does.
[[nodiscard]] DeviceStatus device_status(const ClaimedDeviceId& id, const discovery::Device* device,
                                         const DeviceStatus* before,
                                         std::chrono::system_clock::time_point now);

/// A node's devices by the names that claims have for them.
using DevicesByName = std::map<DeviceName, discovery::Device>;
[[nodiscard]] DevicesByName by_name(std::vector<discovery::Device> devices);

/// The same, of whichever of them it is.
[[nodiscard]] DeviceStatus device_status(const ClaimedDeviceId& id, const DevicesByName& devices,
                                         const DeviceStatus* before,
                                         std::chrono::system_clock::time_point now);

/// As an entry of "status.devices", in each version from v1beta1 on.
[[nodiscard]] nlohmann::json device_status_json(const DeviceStatus& status,
                                                const DriverName& driver);

/// Those that a claim has of `driver`. Of an entry that this driver did not write, members are
/// empty.
[[nodiscard]] std::vector<DeviceStatus> parse_device_statuses(const nlohmann::json& claim,
                                                              const DriverName& driver);

}  // namespace mockdev::dra
