// SPDX-License-Identifier: Apache-2.0
#include "dra/health.h"

#include <utility>

#include <fmt/format.h>

namespace mockdev::dra {

std::vector<DeviceHealth> health_of(const std::vector<discovery::Device>& devices,
                                    const SliceSettings& settings) {
  std::vector<DeviceHealth> all;
  for (const discovery::Device& device : devices) {
    const bool healthy = device.health == discovery::Health::healthy;
    all.push_back(
        {.pool = pool_name(settings, device),
         .device = device_name(device.name),
         .healthy = healthy,
         .message = healthy ? "" : fmt::format("the device is {}", to_string(device.health))});
  }
  return all;
}

void HealthBoard::post(std::vector<DeviceHealth> devices) {
  const std::lock_guard lock(mutex_);
  if (posted_.number != 0 && posted_.devices == devices) return;
  posted_ = {.number = posted_.number + 1, .devices = std::move(devices)};
  changed_.notify_all();
}

std::optional<HealthBoard::Snapshot> HealthBoard::watch(std::uint64_t seen,
                                                        std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return closed_ || posted_.number != seen; });
  if (closed_) return std::nullopt;
  return posted_;
}

void HealthBoard::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void HealthBoard::open() {
  const std::lock_guard lock(mutex_);
  closed_ = false;
}

}  // namespace mockdev::dra
