// SPDX-License-Identifier: Apache-2.0
// A rate limit: so many at once, so many a second in the long run.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "kube/pause.h"

namespace mockdev::kube {

/// Any thread may take at any time; who comes first goes first.
class TokenBucket {
 public:
  /// `rate` tokens a second, 0: no limit; at most `burst`, at least 1, are saved up.
  TokenBucket(double rate, int burst);

  /// Takes a token, and gives how long to wait until it may be used. None, and nothing is taken, if
  /// that were longer than `patience`.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> take(
      std::chrono::nanoseconds patience = std::chrono::hours(1),
      Clock::time_point now = Clock::now());

 private:
  const double rate_;
  const double burst_;
  std::mutex mutex_;
  double tokens_;  // below zero: as many have been promised ahead
  Clock::time_point updated_;
};

}  // namespace mockdev::kube
