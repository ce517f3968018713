// SPDX-License-Identifier: Apache-2.0
// The side of the control socket that answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/unix_listener.h"
#include "control/protocol.h"

namespace mockdev::control {

/// Clients that are connected at a time. One more takes the place of the one that has been quiet
/// for longest.
inline constexpr std::size_t kMaxClients = 64;
/// Reply bytes that a client may leave unread before it asks again; with more it is dropped.
inline constexpr ByteCount kMaxUnread = 1_MiB;

/// What the thread that answers does besides: called before each wait, it says when it wants to be
/// called again at the latest; none: whenever.
using Chore = std::function<std::optional<std::chrono::steady_clock::time_point>()>;

/// Answers all clients of a control socket, in one thread. No client, whether it is slow, silent
/// or talks rubbish, holds up another.
class Listener {
 public:
  /// Listens at `path`, for this user only, by the rules of UnixListener::open(). Clients
  /// may connect from now on; they get answers once serve() runs.
  [[nodiscard]] static Result<Listener> bind(const std::filesystem::path& path);

  /// Answers requests by `verbs`, and does `chore`, until `stop` can be read from, which it is not.
  void serve(const std::vector<Verb>& verbs, int stop, const Chore& chore = {});

 private:
  explicit Listener(UnixListener listener) : listener_(std::move(listener)) {}

  UnixListener listener_;
};

}  // namespace mockdev::control
