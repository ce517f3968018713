// SPDX-License-Identifier: Apache-2.0
#include "dra/absentees.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "dra/slices.h"

namespace mockdev::dra {

using discovery::Device;

Absentees::Absentees() : changed_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Absentees::set_devices(std::vector<Device> devices) {
  const std::lock_guard lock(mutex_);
  std::vector<Device> before = std::exchange(present_, std::move(devices));
  for (Device& device : before) absent_.insert_or_assign(device.name, std::move(device));
  for (const Device& device : present_) absent_.erase(device.name);
  std::erase_if(absent_, [this](const auto& entry) { return !is_held(entry.second); });
  for (auto& [name, device] : absent_) {
    if (device.health != discovery::Health::gone) {
      log::warn("device={} is gone, and a claim has it", name);
    }
    device.health = discovery::Health::gone;
    device.readings.reset();
  }
}

void Absentees::prepared(const Claim& claim) {
  const std::lock_guard lock(mutex_);
  std::set<DeviceName> devices;
  for (const AllocatedDevice& device : claim.devices) {
    if (!device.admin_access) devices.insert(device.device);
  }
  claims_.insert_or_assign(claim.uid, std::move(devices));
}

void Absentees::unprepared(const ClaimUid& claim) {
  const std::lock_guard lock(mutex_);
  claims_.erase(claim);
  // In a moment the claim may be told of again.
  const bool released =
      std::ranges::any_of(absent_, [this](const auto& entry) { return !is_held(entry.second); });
  if (released) wake();
}

void Absentees::told_of_all() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(knows_all_claims_, true)) wake();
}

void Absentees::wake() const {
  const std::uint64_t one = 1;
  // Full is as good as written.
  [[maybe_unused]] const auto ignored = ::write(fd(), &one, sizeof one);
}

std::vector<Device> Absentees::all() {
  const std::lock_guard lock(mutex_);
  std::uint64_t drained = 0;
  [[maybe_unused]] const auto ignored = ::read(fd(), &drained, sizeof drained);
  std::vector<Device> devices = present_;
  for (const auto& [name, device] : absent_) {
    if (is_held(device)) devices.push_back(device);
  }
  return devices;
}

std::vector<Unowned> Absentees::unowned() {
  const std::lock_guard lock(mutex_);
  std::vector<Unowned> unowned;
  for (const Device& device : present_) {
    if (!device.readings || device.readings->status != discovery::Status::free) continue;
    const DeviceName name = device_name(device.name);
    for (const auto& [claim, devices] : claims_) {
      if (devices.contains(name)) unowned.push_back({.claim = claim, .device = device.name});
    }
  }
  return unowned;
}

bool Absentees::knows_all_claims() {
  const std::lock_guard lock(mutex_);
  return knows_all_claims_;
}

bool Absentees::is_held(const Device& device) const {
  const DeviceName name = device_name(device.name);
  return std::ranges::any_of(claims_,
                             [&](const auto& claim) { return claim.second.contains(name); });
}

}  // namespace mockdev::dra
