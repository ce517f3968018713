// SPDX-License-Identifier: Apache-2.0
// PCI addresses.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mockdev::discovery {

/// The address of a PCI function: domain, bus, device and function, as the kernel writes it:
/// "0001:02:00.0". Domains may be wider than 16 bits ("10000:00:00.0"), as Linux numbers those
/// that software makes.
struct Bdf {
  std::uint32_t domain = 0;
  std::uint8_t bus = 0;
  std::uint8_t device = 0;    ///< 0 to 31
  std::uint8_t function = 0;  ///< 0 to 7

  constexpr auto operator<=>(const Bdf&) const = default;
};

/// Reads the kernel's form: a domain of 4 to 8 hexadecimal digits, then ":bb:dd.f".
[[nodiscard]] Result<Bdf> parse_bdf(std::string_view text);

/// The kernel's form.
[[nodiscard]] std::string to_string(const Bdf& bdf);

}  // namespace mockdev::discovery

template <>
struct fmt::formatter<mockdev::discovery::Bdf> : fmt::formatter<std::string> {
  auto format(const mockdev::discovery::Bdf& bdf, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(mockdev::discovery::to_string(bdf), context);
  }
};
