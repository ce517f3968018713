// SPDX-License-Identifier: Apache-2.0
// Faults of a device as its machine sees them: in the function itself, and at the slot that its
// card is in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "accel/faults.h"
#include "base/error.h"
#include "server/hosted_device.h"

namespace mockdev::server {

/// Injects a fault by hand. Fails on an unknown one, a wrong value, a VF that is not enabled, and a
/// fault of the slot for a VF or a device without one.
[[nodiscard]] Result<void> inject(const Target& target, std::string_view fault,
                                  std::optional<double> value);

/// Takes one or all injected faults away. Planned ones stay.
[[nodiscard]] Result<void> heal(const Target& target, std::optional<std::string_view> fault);

/// Has something happen to a device, of a kind that does not last. Nothing if it is not there.
void happen(const Target& target, const accel::FaultKind& kind, double value);

/// Has the planned faults of a device be those of `condition`.
void set_scheduled(const Target& target, const accel::Condition& condition);

/// The device's bridge. The error says that it has none, and so no slot.
[[nodiscard]] Result<fabric::Bridge*> bridge_of(const HostedDevice& device);

}  // namespace mockdev::server
