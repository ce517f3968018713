// SPDX-License-Identifier: Apache-2.0
// Programs that fetch credentials: the ExecCredential of client.authentication.k8s.io.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "kube/config.h"

namespace mockdev::kube {

/// A token, or a client certificate with its key, or both.
struct FetchedCredential {
  std::string token = {};
  std::string certificate = {};                                       ///< PEM; with key, or neither
  std::string key = {};                                               ///< PEM
  std::optional<std::chrono::system_clock::time_point> expires = {};  ///< none: never

  bool operator==(const FetchedCredential&) const = default;
};

/// How long a plugin may take: a person may have to confirm something in a browser.
inline constexpr std::chrono::seconds kLongestLogin{60};

/// Runs the plugin of a config, which must have one, until kLongestLogin or a stop. It reads
/// nothing, and its standard error is this process's. The error names the program, and says how to
/// install it where it is not there; nothing of what it has printed is in it.
[[nodiscard]] Result<FetchedCredential> fetch_credential(const Config& config,
                                                         const std::stop_token& stop = {});

}  // namespace mockdev::kube
