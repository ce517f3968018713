// SPDX-License-Identifier: Apache-2.0
// Logging set-up. Everything else calls spdlog::info and its sisters directly.
#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

#include "base/error.h"

namespace mockdev {

/// Log levels by the names that the command line takes.
inline constexpr std::string_view kLogLevels = "trace, debug, info, warning, error, off";

/// Sends the log to standard error, one line an event: "2026-11-23T12:00:00.123Z info: text".
/// Under systemd (JOURNAL_STREAM set) the time is left out, since the journal has its own.
/// Fails on a level that is not in kLogLevels. Call once, from main.
[[nodiscard]] Result<void> start_logging(std::string_view level);

}  // namespace mockdev
