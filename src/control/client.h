// SPDX-License-Identifier: Apache-2.0
// The side of the control socket that asks.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/unique_fd.h"

namespace mockdev::control {

/// How long a call waits for its reply by default.
inline constexpr std::chrono::milliseconds kPatience{5000};

/// A connection to a running mock-accel-server. Not thread-safe.
class Client {
 public:
  /// Connects to the control socket at `path`.
  [[nodiscard]] static Result<Client> connect(const std::filesystem::path& path);

  /// Sends `request`, such as {{"verb", "list"}}, and gives the reply, an object whose "ok" is
  /// true. A reply that refuses becomes an error with the server's own words. After an error of
  /// the connection itself (no reply in time, closed, not a reply) every later call fails too.
  [[nodiscard]] Result<nlohmann::json> call(const nlohmann::json& request,
                                            std::chrono::milliseconds patience = kPatience);

 private:
  Client(UniqueFd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  [[nodiscard]] Result<std::string> exchange(const std::string& line,
                                             std::chrono::milliseconds patience);

  UniqueFd fd_;
  std::filesystem::path path_;
};

}  // namespace mockdev::control
