// SPDX-License-Identifier: Apache-2.0
// Which Linux a machine boots.
#pragma once

#include <cstdint>
#include <string_view>

namespace mockdev::lab {

enum class GuestKernel : std::uint8_t {
  linux_6_12,  ///< Debian 13's own
  linux_6_1,   ///< Debian 12's: the oldest that the kernel modules are for
  newest,      ///< of Debian 13's backports
  debug,       ///< looks for errors in drivers (KASAN, lockdep, KUnit and others); much slower
};

/// The Debian suite that it comes from, beside that of the machine. Empty: none.
[[nodiscard]] constexpr std::string_view suite_of(GuestKernel kernel) {
  switch (kernel) {
    case GuestKernel::linux_6_1:
      return "bookworm";
    case GuestKernel::newest:
      return "trixie-backports";
    case GuestKernel::linux_6_12:
    case GuestKernel::debug:
      return "";
  }
  return "";
}

}  // namespace mockdev::lab
