// SPDX-License-Identifier: Apache-2.0
// The project's kernel modules for the guest's kernel.
#pragma once

#include "base/error.h"
#include "lab/architecture.h"
#include "lab/cache.h"
#include "lab/guest_image.h"
#include "lab/installation.h"

namespace mockdev::lab {

/// Builds the modules from share/mock-device/{kernel,abi,VERSION} in the image's build tree. Its
/// folder, for a Cache at image.modules(), has the .ko files.
[[nodiscard]] Result<Recipe> modules_recipe(const Installation& installation,
                                            const GuestImage& image, const Builder& builder,
                                            Architecture architecture);

}  // namespace mockdev::lab
