// SPDX-License-Identifier: Apache-2.0
// The capabilities of functions, ready to be added to a ConfigLayoutBuilder.
#pragma once

#include <cstdint>

#include "pci/config_layout.h"
#include "pci/config_space.h"

namespace mockdev::pci {

/// PCI Express, version 2, endpoint (PCIe 6.0 §7.5.3): 16 GT/s ×16, payloads up to 512 bytes,
/// function-level reset. A write that sets Initiate Function Level Reset resets the configuration
/// space at once; no transaction is ever pending.
[[nodiscard]] Capability pci_express_endpoint();

/// PCI Express, version 2, root port (§7.5.3): 16 GT/s ×16, forwards ARI, reports the state of its
/// link, and has a hot-plug slot without controls: no buttons, no indicators, no power switch, and
/// cards may be pulled out by surprise. Commands to the slot complete at once, without an event.
/// Reset leaves the slot empty and the link down: RootPort says what is there.
/// `slot`: physical slot number, 13 bits.
[[nodiscard]] Capability pci_express_root_port(std::uint16_t slot);

/// Power Management, version 3 (PCIe 6.0 §7.5.2): D0 and D3hot without loss of state. A write of
/// D1 or D2 leaves the power state as it was.
[[nodiscard]] Capability power_management();

/// MSI (PCIe 6.0 §7.7.1): one vector, 64-bit addresses, no mask.
[[nodiscard]] Capability msi();

/// MSI-X (PCIe 6.0 §7.7.2). Offsets are multiples of 8 within BAR `bar`.
struct MsixPlacement {
  std::uint16_t vectors;  ///< 1 to 64
  std::uint8_t bar;
  std::uint32_t table;
  std::uint32_t pending_bits;
};
[[nodiscard]] Capability msix(const MsixPlacement& placement);

/// Advanced Error Reporting, version 2 (PCIe 6.0 §7.8.4), with the standard's default masks and
/// severities. All of it is sticky.
[[nodiscard]] ExtendedCapability advanced_error_reporting();

/// The same of a root port, which also collects the errors of what is behind it (§7.8.4.9 to 11).
[[nodiscard]] ExtendedCapability root_error_reporting();

/// Device Serial Number (PCIe 6.0 §7.9.3). The number, unlike the layout, is each function's own:
/// set it with set_serial_number().
[[nodiscard]] ExtendedCapability device_serial_number();
void set_serial_number(ConfigSpace& space, std::uint64_t eui64);

/// Alternative Routing-ID Interpretation (PCIe 6.0 §7.8.8) of a device with a single PF.
[[nodiscard]] ExtendedCapability alternative_routing_id();

/// Single Root I/O Virtualization (PCIe 6.0 §9.3.3) of a PF that is function 0. VF n has the
/// routing id PF + 1 + n, so that more than seven VFs need a port above that forwards ARI.
///
/// Where the standard leaves a write undefined, this capability defines it: NumVFs above TotalVFs
/// becomes TotalVFs, System Page Size keeps its lowest supported bit (none: 4 KiB), and while VF
/// Enable is set, NumVFs, System Page Size and ARI Capable Hierarchy don't change.
struct SriovSettings {
  std::uint16_t total_vfs = 0;  ///< 1 to 64
  std::uint16_t vf_device = 0;
  Bar vf_bar0;  ///< of one VF; each VF's part is at least a system page
};
[[nodiscard]] ExtendedCapability single_root_iov(const SriovSettings& settings);

}  // namespace mockdev::pci
