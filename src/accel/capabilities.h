// SPDX-License-Identifier: Apache-2.0
// What an accelerator can do, by bit and by name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "mock_accel.h"

namespace mockdev::accel {

/// One row a capability: the bit of MOCK_ACCEL_REG_CAPABILITIES and the name in topology files,
/// on the command line and in Kubernetes.
struct Capability {
  std::uint32_t bit;
  std::string_view name;
};

inline constexpr std::array<Capability, 4> kCapabilities = {{
    {.bit = MOCK_ACCEL_CAP_COMPUTE, .name = "compute"},
    {.bit = MOCK_ACCEL_CAP_ENCRYPTION, .name = "encryption"},
    {.bit = MOCK_ACCEL_CAP_COMPRESSION, .name = "compression"},
    {.bit = MOCK_ACCEL_CAP_P2P, .name = "p2p"},
}};

}  // namespace mockdev::accel
