// SPDX-License-Identifier: Apache-2.0
// Points at which a test can have the process die, to prove that the next one goes on from there.
#pragma once

#include <string_view>

namespace mockdev::dra {

/// Ends the process at once, as SIGKILL would, if the variable MOCK_ACCEL_CRASH_AT is `name`.
/// Exists only in builds with the CMake option MOCK_DEVICE_FAULT_POINTS; elsewhere it is nothing.
#ifdef MOCK_DEVICE_FAULT_POINTS
void fault_point(std::string_view name);
#else
inline void fault_point(std::string_view /*name*/) {}
#endif

}  // namespace mockdev::dra
