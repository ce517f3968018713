// SPDX-License-Identifier: Apache-2.0
// The health of a node's devices, for those who watch it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "discovery/device.h"
#include "dra/names.h"
#include "dra/slices.h"

namespace mockdev::dra {

struct DeviceHealth {
  PoolName pool;
  DeviceName device;
  bool healthy = true;
  std::string message;  ///< why it is not; empty for a healthy one

  bool operator==(const DeviceHealth&) const = default;
};

/// All devices, also those that no claim can get now. A degraded device is not healthy: it works,
/// but its users should know.
[[nodiscard]] std::vector<DeviceHealth> health_of(const std::vector<discovery::Device>& devices,
                                                  const SliceSettings& settings);

/// Where the health is posted and watched. Thread-safe.
class HealthBoard {
 public:
  struct Snapshot {
    std::uint64_t number = 0;  ///< grows with each change; 0: nothing was posted yet
    std::vector<DeviceHealth> devices;
  };

  /// Puts up the whole truth. Watchers wake if it is another one.
  void post(std::vector<DeviceHealth> devices);
  /// What is posted, as soon as its number is another than `seen`, but after `patience` in any
  /// case. None: the board is closed.
  [[nodiscard]] std::optional<Snapshot> watch(std::uint64_t seen,
                                              std::chrono::milliseconds patience);
  /// Ends all watching, until it is opened again.
  void close();
  /// A board is open from the start.
  void open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Snapshot posted_;
  bool closed_ = false;
};

}  // namespace mockdev::dra
