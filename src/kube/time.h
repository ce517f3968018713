// SPDX-License-Identifier: Apache-2.0
// Points in time as Kubernetes writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace mockdev::kube {

/// A Time: "2026-11-23T12:00:00Z".
[[nodiscard]] std::string second_time(std::chrono::system_clock::time_point time);
/// A MicroTime: "2026-11-23T12:00:00.123456Z".
[[nodiscard]] std::string micro_time(std::chrono::system_clock::time_point time);

/// What RFC 3339 says: "2026-11-23T12:00:00Z", "2026-11-23T13:00:00.5+01:00"; parts of a second are
/// dropped. What the clock can't say, some years from 2262 on, is its last or first point. None: it
/// is no point in time.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_time(
    const std::string& text);

}  // namespace mockdev::kube
