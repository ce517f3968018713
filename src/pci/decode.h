// SPDX-License-Identifier: Apache-2.0
// Which addresses a function answers to, by its configuration space.
#pragma once

#include <cstdint>
#include <optional>

#include "pci/config_space.h"
#include "pci/function.h"

namespace mockdev::pci {

/// A place in a BAR.
struct BarOffset {
  unsigned bar;
  std::uint64_t offset;
};

/// The BAR of a function with a type 0 header that has `address`; none while Memory Space Enable is
/// clear or the function is not in D0 (PCIe 6.0 §7.5.1.1.3, §5.3.1.4).
[[nodiscard]] std::optional<BarOffset> decode(const ConfigSpace& space, const Bars& bars,
                                              std::uint64_t address);

/// Whether the power state is D0, where all a function's memory answers. So of a function without
/// power management.
[[nodiscard]] bool is_awake(const ConfigSpace& space);

/// Whether the function may make memory requests: Bus Master Enable is set and it is in D0
/// (§7.5.1.1.3, §5.3.1.4).
[[nodiscard]] bool may_master(const ConfigSpace& space);

/// The VFs that software has enabled: NumVFs while VF Enable is set (§9.3.3), else none.
[[nodiscard]] std::uint16_t enabled_vfs(const ConfigSpace& space);

/// A place in the BAR 0 of a VF.
struct VfOffset {
  std::uint16_t vf;
  std::uint64_t offset;
};

/// The VF of a PF that has `address` in its BAR 0 of `size`; none while VF Enable or VF Memory
/// Space Enable is clear.
[[nodiscard]] std::optional<VfOffset> decode_vf(const ConfigSpace& space, ByteCount size,
                                                std::uint64_t address);

}  // namespace mockdev::pci
