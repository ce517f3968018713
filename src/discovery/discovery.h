// SPDX-License-Identifier: Apache-2.0
// The accelerators of this machine, read from the kernel module's sysfs class.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/device.h"

namespace mockdev::discovery {

/// A device that cannot be used as it is, and why.
struct Problem {
  std::string device;   ///< its name; empty: the class folder itself
  std::string message;  ///< names the attribute, its value and what would be right
};

/// What there is at one moment. Devices come and go at any time: the next look may differ.
struct Inventory {
  bool module_loaded = false;     ///< whether the class exists; without it there are no devices
  std::vector<Device> devices;    ///< by number, each PF before its VFs: mock2, mock10, mock10_vf0
  std::vector<Problem> problems;  ///< in the same order
};

/// Which devices are meant, by their names.
using NameFilter = std::function<bool(std::string_view name)>;

/// Reads `sysfs`/class/mock-accel, and of the devices those that are `wanted` (empty: all). Never
/// fails as a whole: a device that vanishes while it is read is left out, one with an attribute
/// that can't be read or understood is a problem, and the others are as they are. Reads nothing
/// that changes a device. Thread-safe.
[[nodiscard]] Inventory discover(const std::filesystem::path& sysfs = "/sys",
                                 const NameFilter& wanted = {});

/// A device that somebody holds.
struct Held {
  std::string device;
  Uuid owner;
};

/// The devices that have an owner, in the order of discover. Reads nothing else of them: one that
/// does not answer, or whose owner can't be understood, is left out. Thread-safe.
[[nodiscard]] std::vector<Held> held_devices(const std::filesystem::path& sysfs = "/sys");

}  // namespace mockdev::discovery
