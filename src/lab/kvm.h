// SPDX-License-Identifier: Apache-2.0
// Whether this computer can run guests with KVM.
#pragma once

#include "base/error.h"

namespace mockdev::lab {

/// Success: a virtual CPU really ran a few instructions as a kernel has them. A /dev/kvm that is
/// there says little: nested virtualisation may emulate, and then lacks most instructions.
[[nodiscard]] Result<void> try_kvm();

}  // namespace mockdev::lab
