// SPDX-License-Identifier: Apache-2.0
// Helpers for tests only: a host that has no memory left.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

#include "base/units.h"

namespace mockdev::accel {

/// As long as it lives, this process gets some addresses more than it has, but not as many as a
/// piece of device memory takes.
class FewAddresses {
 public:
  FewAddresses() {
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit few{};
    if (::getrlimit(RLIMIT_AS, &before_) != 0) std::abort();
    few.rlim_cur = pages * static_cast<std::uint64_t>(::getpagesize()) + (32_MiB).value();
    few.rlim_max = before_.rlim_max;
    if (::setrlimit(RLIMIT_AS, &few) != 0) std::abort();
  }
  ~FewAddresses() { ::setrlimit(RLIMIT_AS, &before_); }

  FewAddresses(const FewAddresses&) = delete;
  FewAddresses& operator=(const FewAddresses&) = delete;
  FewAddresses(FewAddresses&&) = delete;
  FewAddresses& operator=(FewAddresses&&) = delete;

 private:
  rlimit before_{};
};

}  // namespace mockdev::accel
