// SPDX-License-Identifier: Apache-2.0
// Numbers in the byte order of PCI, whatever the machine's own is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mockdev::pci {

/// The number that up to eight bytes hold, the least significant first.
[[nodiscard]] constexpr std::uint64_t load_little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | std::to_integer<std::uint64_t>(bytes[i]);
  }
  return value;
}

/// Fills `into`, of any length, with the low bytes of `value`, the least significant first.
constexpr void store_little_endian(std::uint64_t value, std::span<std::byte> into) {
  for (std::byte& byte : into) {
    byte = static_cast<std::byte>(value & 0xffU);
    value >>= 8U;
  }
}

}  // namespace mockdev::pci
