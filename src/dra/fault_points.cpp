// SPDX-License-Identifier: Apache-2.0
#include "dra/fault_points.h"

#ifdef MOCK_DEVICE_FAULT_POINTS

#include <cstdlib>

#include <unistd.h>

namespace mockdev::dra {

void fault_point(std::string_view name) {
  constexpr int kKilled = 137;  // what a shell makes of SIGKILL
  const char* const wanted = std::getenv("MOCK_ACCEL_CRASH_AT");
  if (wanted != nullptr && name == wanted) ::_exit(kKilled);
}

}  // namespace mockdev::dra

#endif
