// SPDX-License-Identifier: Apache-2.0
// Measuring two things in turn within one run, so that figures can be compared on a busy machine
// too, and the table that all benchmarks print: `name | value | target | ok?`.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sched.h>

namespace mockdev::bench {

// Many short rounds: what else runs on the machine then hits both sides alike.
inline constexpr int kRounds = 200;

[[noreturn]] inline void give_up(const std::string& what) {
  fmt::print(stderr, "{}: {}\n", program_invocation_short_name, what);
  std::exit(1);
}

inline void pin_to_one_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0) give_up("sched_setaffinity failed");
}

/// Microseconds an operation.
template <typename Work>
double time_of(int operations, Work work) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < operations; ++i) work();
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
  return spent.count() / operations;
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

inline void row(const std::string& name, const std::string& value, const std::string& target,
                bool ok) {
  fmt::print("{:<54} | {:>22} | {:>8} | {}\n", name, value, target, ok ? "yes" : "NO");
}

/// Compares what two functions take, in turn and in changing order.
class Comparison {
 public:
  template <typename Base, typename Ours>
  Comparison(Base base, Ours ours) {
    for (int round = 0; round < kRounds; ++round) {
      if (round % 2 == 0) base_.push_back(base());
      ours_.push_back(ours());
      if (round % 2 != 0) base_.push_back(base());
      ratios_.push_back(base_.back() / ours_.back());
    }
  }

  void print(const std::string& name, double target) const {
    const double ratio = median(ratios_);
    row(name, fmt::format("{:.3f} ({:.2f}/{:.2f} us)", ratio, median(base_), median(ours_)),
        fmt::format(">= {:.2f}", target), ratio >= target);
  }

 private:
  std::vector<double> base_;
  std::vector<double> ours_;
  std::vector<double> ratios_;
};

}  // namespace mockdev::bench
