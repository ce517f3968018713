// SPDX-License-Identifier: Apache-2.0
// Points in time as Kubernetes writes them.
#pragma once

#include <chrono>
#include <string>

namespace mockdev::kube {

/// A Time: "2026-11-23T12:00:00Z".
[[nodiscard]] std::string second_time(std::chrono::system_clock::time_point time);
/// A MicroTime: "2026-11-23T12:00:00.123456Z".
[[nodiscard]] std::string micro_time(std::chrono::system_clock::time_point time);

}  // namespace mockdev::kube
