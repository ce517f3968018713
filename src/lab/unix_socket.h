// SPDX-License-Identifier: Apache-2.0
// Connections to UNIX sockets.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace mockdev::lab {

/// Connects to a listening stream socket. The error names the path.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::filesystem::path& path);

/// Copies what can be read from `from` to `to`, once. False at the end of `from`, or when `to`
/// takes no more.
[[nodiscard]] bool copy_some(int from, int to);

/// Writes all of `text`, waiting where it must.
[[nodiscard]] bool write_whole(int fd, std::string_view text);

}  // namespace mockdev::lab
