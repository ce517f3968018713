// SPDX-License-Identifier: Apache-2.0
// An accelerator as the kernel module presents it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "base/uuid.h"
#include "discovery/bdf.h"

namespace mockdev::discovery {

enum class Kind : std::uint8_t { pf, vf };
enum class Status : std::uint8_t { free, allocated };
/// `gone` is what no device says of itself: the machine has it no more, and somebody remembers it.
enum class Health : std::uint8_t { healthy, degraded, failed, gone };

/// "pf", "vf".
[[nodiscard]] std::string_view to_string(Kind kind);
/// "free", "allocated"; the kernel itself writes 0 and 1.
[[nodiscard]] std::string_view to_string(Status status);
/// "healthy", "degraded", "failed", "gone".
[[nodiscard]] std::string_view to_string(Health health);

/// The reverse of to_string, of what the kernel says; the errors name what would be right.
[[nodiscard]] Result<Kind> parse_kind(std::string_view text);
[[nodiscard]] Result<Status> parse_status(std::string_view text);
[[nodiscard]] Result<Health> parse_health(std::string_view text);

/// What a device says of itself at this moment.
struct Readings {
  Status status = Status::free;
  std::optional<Uuid> owner;      ///< UID of the claim that holds it
  std::int32_t temperature = 0;   ///< thousandths of a degree Celsius
  std::uint32_t error_count = 0;  ///< since power-on
};

/// The VFs of a PF.
struct Vfs {
  unsigned total = 0;    ///< that it can have; 0 where the machine offers no SR-IOV
  unsigned enabled = 0;  ///< that it has now
};

/// One function, PF or VF.
struct Device {
  std::string name;  ///< "mock0", "mock0_vf3"
  Kind kind = Kind::pf;
  Uuid uuid;
  ByteCount memory;
  std::uint32_t capabilities = 0;     ///< MOCK_ACCEL_CAP_*
  std::optional<unsigned> numa_node;  ///< none: the machine does not say
  std::optional<unsigned> socket;     ///< of the NUMA node's CPUs; none: it has none, or is unknown
  std::string fw_version;             ///< "1.0.0"
  unsigned abi_version = 0;
  Health health = Health::healthy;
  std::optional<Readings> readings;  ///< none: it has failed and no longer answers
  Vfs vfs;                           ///< of a PF; zeroes for a VF
  Bdf pci;                           ///< its own address
  std::optional<Bdf> port;           ///< the port above it; none: it stands on a root bus
  /// The root bus that it hangs from: "pci0000:10". Of several on the way, as where a bridge device
  /// has a PCI segment of its own below it, the nearest.
  std::string pcie_root;
  std::optional<std::string> physfn;  ///< of a VF: its PF's name, if the same driver has that
};

}  // namespace mockdev::discovery
