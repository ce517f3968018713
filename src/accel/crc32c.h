// SPDX-License-Identifier: Apache-2.0
// CRC32C: the checksum with Castagnoli's polynomial, as iSCSI has it (RFC 3720 §12.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mockdev::accel {

/// The CRC of all data so far, of which `crc` is that of what came before `data`; 0 at the start.
/// Uses the processor's instruction where it has one (x86 SSE 4.2, arm64 CRC).
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> data);

/// The same for any processor, by a table.
[[nodiscard]] std::uint32_t crc32c_by_table(std::uint32_t crc, std::span<const std::byte> data);

}  // namespace mockdev::accel
