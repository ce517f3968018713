// SPDX-License-Identifier: Apache-2.0
#include "kube/token_bucket.h"

#include <algorithm>

namespace mockdev::kube {

TokenBucket::TokenBucket(double rate, int burst)
    : rate_(rate), burst_(std::max(burst, 1)), tokens_(burst_) {}

std::optional<std::chrono::nanoseconds> TokenBucket::take(std::chrono::nanoseconds patience,
                                                          Clock::time_point now) {
  using Seconds = std::chrono::duration<double>;
  if (rate_ <= 0) return std::chrono::nanoseconds(0);
  const std::scoped_lock lock(mutex_);
  if (now > updated_) {
    tokens_ = std::min(burst_, tokens_ + Seconds(now - updated_).count() * rate_);
    updated_ = now;
  }
  const Seconds wait(std::max(0.0, (1 - tokens_) / rate_));
  if (wait > patience) return std::nullopt;
  tokens_ -= 1;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(wait);
}

}  // namespace mockdev::kube
