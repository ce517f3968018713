// SPDX-License-Identifier: Apache-2.0
// A kernel that looks for errors in drivers, for the plain guest: built from Debian's sources as
// lab/debug-kernel says.
#pragma once

#include "base/error.h"
#include "lab/cache.h"
#include "lab/installation.h"

namespace mockdev::lab {

/// Its folder has what a GuestImage takes from `kernel_folder`.
[[nodiscard]] Result<Recipe> debug_kernel_recipe(const Installation& installation,
                                                 const Builder& builder);

}  // namespace mockdev::lab
