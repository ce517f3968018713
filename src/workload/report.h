// SPDX-License-Identifier: Apache-2.0
// What the program was given, as its container's environment has it, and what it found.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"

namespace mockdev::workload {

/// A device that this program should hold.
struct Given {
  std::string name;          ///< of the node below /dev
  std::optional<Uuid> uuid;  ///< that it has to have; none: not said
};

/// The value of a variable of the environment; null: there is none of this name.
using Variable = std::function<const char*(const char* name)>;

/// The devices that a container was given: MOCK_ACCEL_DEVICES and MOCK_ACCEL_n_UUID, as the driver
/// sets them (docs/dra.md). Empty: the environment names none. Fails on a UUID that is none.
[[nodiscard]] Result<std::vector<Given>> given_devices(const Variable& variable);

/// Device nodes that are in sight though nobody gave them: names of `present` that are not in
/// `given`.
[[nodiscard]] std::vector<std::string> strangers(const std::vector<std::string>& present,
                                                 const std::vector<Given>& given);

}  // namespace mockdev::workload
