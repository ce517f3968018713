// SPDX-License-Identifier: Apache-2.0
// The Debian mirror that trees are made from.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace mockdev::lab {

/// MOCK_DEVICE_MIRROR, or the mirror that this computer's own apt takes Debian's main archive from.
/// Fails, and says how to name one, where neither is there.
[[nodiscard]] Result<std::string> debian_mirror();

/// Picks the mirror out of apt's list of indexes, lines of "SITE LABEL RELEASE": the first site of
/// the archive proper, which neither security updates nor other repositories are. Empty: none.
[[nodiscard]] std::string pick_mirror(std::string_view index_targets);

}  // namespace mockdev::lab
