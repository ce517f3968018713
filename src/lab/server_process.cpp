// SPDX-License-Identifier: Apache-2.0
#include "lab/server_process.h"

#include <algorithm>
#include <sstream>

#include <fmt/ranges.h>

#include "base/file.h"
#include "lab/unix_socket.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartTimeout{30};
constexpr std::chrono::milliseconds kLook{20};

bool is_serving(const RunFolder& folder, const std::vector<topology::Node>& nodes) {
  for (const topology::Node& node : nodes) {
    for (const topology::NumaNode& numa : node.numa) {
      for (const topology::Device& device : numa.devices) {
        std::error_code ignored;
        // Not connected to: a device serves one client at a time.
        if (!fs::is_socket(folder.devices() / socket_name(node, device), ignored)) return false;
      }
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
  const auto end = std::chrono::steady_clock::now() + kStartTimeout;
  while (!is_serving(folder, nodes)) {
    if (wait_for_end(server, kLook, &interrupt)) {
      return fail("mock-accel-server ended at its start: {}", last_words(folder.server_log()));
    }
    if (interrupt.requested()) return interrupted();
    if (std::chrono::steady_clock::now() > end) {
      return fail("mock-accel-server: not ready after {} s: {}", kStartTimeout.count(),
                  last_words(folder.server_log()));
    }
  }
  return {};
}

std::string last_words(const fs::path& log) {
  constexpr std::size_t kLines = 3;
  std::istringstream text(read_file(log, 64_MiB).value_or(""));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    while (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) return "(it said nothing)";
  const std::size_t skipped = lines.size() - std::min(lines.size(), kLines);
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(skipped));
  return fmt::format("{}", fmt::join(lines, " / "));
}

}  // namespace mockdev::lab
