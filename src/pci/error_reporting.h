// SPDX-License-Identifier: Apache-2.0
// Advanced Error Reporting (PCIe 6.0 §6.2, §7.8.4): what a function records of an error, and what a
// root port makes of the message.
#pragma once

#include <cstdint>
#include <optional>

#include "pci/config_space.h"
#include "pci/function.h"

namespace mockdev::pci {

/// Records an error in the space of a function with advanced_error_reporting(): a receiver error, a
/// completer abort or a malformed packet. Gives the message that it sends, if software has not
/// masked the error or switched its reporting off.
[[nodiscard]] std::optional<ErrorMessage> record_error(ConfigSpace& space, ErrorMessage error);

/// Records the message of the function with the routing id `source` in the space of a root port
/// with root_error_reporting(). Whether the port interrupts.
[[nodiscard]] bool receive_error(ConfigSpace& space, ErrorMessage error, std::uint16_t source);

}  // namespace mockdev::pci
