// SPDX-License-Identifier: Apache-2.0
#include "lab/server_process.h"

#include "base/unix_socket.h"
#include "lab/last_words.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kServerStartTimeout{30};
constexpr std::chrono::milliseconds kServerLook{20};

bool is_serving(const RunFolder& folder, const std::vector<topology::Node>& nodes) {
  for (const topology::Node& node : nodes) {
    for (const std::string& socket : topology::socket_names(node)) {
      std::error_code ignored;
      // Not connected to: a device serves one client at a time.
      if (!fs::is_socket(folder.devices() / socket, ignored)) return false;
    }
  }
  return connect_unix(folder.control_socket()).has_value();
}

}  // namespace

Command server_command(const Installation& installation, const RunFolder& folder) {
  return {.argv = {installation.server, "--topology", folder.topology(), "--socket-dir",
                   folder.devices(), "--control", folder.control_socket()}};
}

Result<void> wait_until_serving(const ProcessId& server, const RunFolder& folder,
                                const std::vector<topology::Node>& nodes,
                                const Interrupt& interrupt) {
  const auto end = std::chrono::steady_clock::now() + kServerStartTimeout;
  while (!is_serving(folder, nodes)) {
    if (wait_for_end(server, kServerLook, &interrupt)) {
      return fail("mock-accel-server ended at its start: {}", last_words(folder.server_log()));
    }
    if (interrupt.requested()) return interrupted();
    if (std::chrono::steady_clock::now() > end) {
      return fail("mock-accel-server: not ready after {} s: {}", kServerStartTimeout.count(),
                  last_words(folder.server_log()));
    }
  }
  return {};
}

}  // namespace mockdev::lab
