// SPDX-License-Identifier: Apache-2.0
// A request that a client gets an error for. Its connection goes on.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace mockdev::vfio_user {

/// Why a request is refused: the errno value for the client, the reason for the log.
struct Refusal {
  int error_number = 0;
  std::string reason;
};

/// What handling a request came to.
using Outcome = std::expected<void, Refusal>;

template <typename... Args>
[[nodiscard]] std::unexpected<Refusal> refuse(int error_number, fmt::format_string<Args...> format,
                                              Args&&... args) {
  return std::unexpected(Refusal{error_number, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace mockdev::vfio_user
