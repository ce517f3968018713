// SPDX-License-Identifier: Apache-2.0
// The way into a guest: ssh over the UNIX socket that QEMU forwards to the guest's port 22.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"
#include "lab/run_folder.h"

namespace mockdev::lab {

/// The configuration that makes `ssh -F FILE NODE` work: `program` is this program, which ssh runs
/// as its relay to the socket. The guest's key is pinned. Works for scp and rsync as well.
[[nodiscard]] std::string ssh_config(const std::filesystem::path& program, const RunFolder& folder);

/// Runs a command in a guest, over the shared connection if there is one. Empty: a login shell.
[[nodiscard]] Command ssh_command(const RunFolder& folder, std::string_view node,
                                  const std::vector<std::string>& command, bool tty);

/// Connects standard input and output to "address:port", as a guest reaches it.
[[nodiscard]] Command forwarding(const RunFolder& folder, std::string_view node,
                                 const std::string& target);

/// Keeps a connection open that later ssh_commands share: they then take milliseconds where a
/// handshake with an emulated guest takes a second.
[[nodiscard]] Command shared_connection(const RunFolder& folder, std::string_view node);

}  // namespace mockdev::lab
