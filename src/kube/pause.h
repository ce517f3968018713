// SPDX-License-Identifier: Apache-2.0
// Waiting: for a time or the end, and growing pauses between attempts.
#pragma once

#include <chrono>
#include <stop_token>

namespace mockdev::kube {

using Clock = std::chrono::steady_clock;

/// Waits. False: stop was requested, and the wait is over early.
[[nodiscard]] bool pause_for(std::chrono::nanoseconds time, const std::stop_token& stop);

/// A factor from the range, from a generator of the calling thread's own.
[[nodiscard]] double random_factor(double from, double to);

/// Pauses that double up to a limit, each shortened at random by up to a half, so that clients that
/// failed together do not come back together. Not thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds limit)
      : first_(first), limit_(limit), next_(first) {}

  [[nodiscard]] std::chrono::nanoseconds next();
  /// After a success: begins with the first pause again.
  void reset() { next_ = first_; }

 private:
  std::chrono::nanoseconds first_;
  std::chrono::nanoseconds limit_;
  std::chrono::nanoseconds next_;
};

}  // namespace mockdev::kube
