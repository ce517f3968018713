// SPDX-License-Identifier: Apache-2.0
// UNIX stream sockets in the file system: addresses and connections.
#pragma once

#include <filesystem>

#include <sys/un.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace mockdev {

/// The address of a socket's path. Fails if it has none of the 1 to 107 bytes that Linux takes.
[[nodiscard]] Result<sockaddr_un> unix_address(const std::filesystem::path& path);

/// Connects to a socket that somebody listens on. The connection blocks. The error names the path.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::filesystem::path& path);

}  // namespace mockdev
