// SPDX-License-Identifier: Apache-2.0
// The name of this computer.
#pragma once

#include <string>

namespace mockdev::cli {

/// As the kernel has it; "localhost" if it does not say.
[[nodiscard]] std::string host_name();

}  // namespace mockdev::cli
