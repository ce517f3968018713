// SPDX-License-Identifier: Apache-2.0
// Telling systemd how the service is doing: sd_notify(3), the protocol without the library, which
// would bring more code into the process than the rest of it has.
#pragma once

#include <string_view>

namespace mockdev::server {

/// Sends `state`, such as "READY=1", to the service manager that started this process; does nothing
/// if none did. A manager that does not listen is no error of ours.
void notify(std::string_view state);

}  // namespace mockdev::server
