// SPDX-License-Identifier: Apache-2.0
// Kubernetes' Status objects, in which an API server says why it did not do what it was asked.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "kube/api.h"

namespace mockdev::kube {

/// The error that a reply with an HTTP status other than 2xx means. `what` is "verb object" for
/// the message. A body that is no Status (a proxy's page) is shown in part.
[[nodiscard]] ApiError error_of_reply(const std::string& what, int http_status,
                                      std::string_view body,
                                      std::optional<std::chrono::seconds> retry_after);

/// The error that a Status object means, as it comes in a watch's ERROR event.
[[nodiscard]] ApiError error_of_status(const std::string& what, const nlohmann::json& status);

}  // namespace mockdev::kube
