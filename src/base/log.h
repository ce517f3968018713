// SPDX-License-Identifier: Apache-2.0
// The log: one line an event on standard error.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace mockdev {

/// Log levels by the names that the command line takes.
inline constexpr std::string_view kLogLevels = "trace, debug, info, warning, error, off";

/// Sets the least level that is logged, and the form: "2026-11-23T12:00:00.123Z info: text". Under
/// systemd (JOURNAL_STREAM set) the time is left out, since the journal has its own. Fails on a
/// level that is not in kLogLevels. Call once, from main.
[[nodiscard]] Result<void> start_logging(std::string_view level);

/// Writes to the log; any thread may. The log library itself is kept out of this header: it would
/// cost every file that logs more time to compile than all the rest of it.
namespace log {

enum class Level : std::uint8_t { debug, info, warning, error };

[[nodiscard]] bool enabled(Level level);
void write(Level level, std::string_view text);

template <typename... Args>
void write(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, format, std::forward<Args>(args)...);
}

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, format, std::forward<Args>(args)...);
}

template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, format, std::forward<Args>(args)...);
}

template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, format, std::forward<Args>(args)...);
}

}  // namespace log
}  // namespace mockdev
