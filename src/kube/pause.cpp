// SPDX-License-Identifier: Apache-2.0
#include "kube/pause.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

namespace mockdev::kube {

bool pause_for(std::chrono::nanoseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

double random_factor(double from, double to) {
  static thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution(from, to)(generator);
}

std::chrono::nanoseconds Backoff::next() {
  const auto pause = std::exchange(next_, std::min(next_ * 2, limit_));
  return std::chrono::duration_cast<std::chrono::nanoseconds>(pause * random_factor(0.5, 1.0));
}

}  // namespace mockdev::kube
