// SPDX-License-Identifier: Apache-2.0
// TCP ports of this computer's loopback address.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"

namespace mockdev::lab {

/// So many ports that nobody listens on, all different. Nothing keeps them free: what is to listen
/// there should be started soon.
[[nodiscard]] Result<std::vector<std::uint16_t>> free_ports(unsigned count);

}  // namespace mockdev::lab
