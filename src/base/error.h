// SPDX-License-Identifier: Apache-2.0
// The one error type of the project: a line that a person can act on.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace mockdev {

/// What went wrong, as one line without a trailing full stop or newline. It names the thing, the
/// value and, where that is not plain, what would be right:
/// `topology.yaml:12: devices[3].vfs: 65 is more than the 64 that a PF can have`.
struct Error {
  std::string message;
  bool bad_input = false;  ///< the mistake is in what the caller was given, not in the world
};

/// A value, or the reason why there is none. Functions that may fail return this; nothing throws
/// across the border of a component.
template <typename T>
using Result = std::expected<T, Error>;

/// Makes the error value of a Result from a format string.
template <typename... Args>
[[nodiscard]] std::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{.message = fmt::format(format, std::forward<Args>(args)...)});
}

/// The error as a mistake in what the caller was given, for which programs exit with 2.
[[nodiscard]] std::unexpected<Error> fail_input(Error error);

/// "`what`: `the system's text for errno_value`".
[[nodiscard]] std::unexpected<Error> fail_errno(const std::string& what, int errno_value);

/// Puts "`context`: " in front of an error that came from below.
[[nodiscard]] std::unexpected<Error> with_context(const std::string& context, const Error& error);

}  // namespace mockdev
