// SPDX-License-Identifier: Apache-2.0
#include "lab/run_folder.h"

#include <cerrno>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab/installation.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxLabel = 63;

bool is_dns_label(std::string_view name) {
  return !name.empty() && name.size() <= kMaxLabel && name.front() != '-' && name.back() != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<void> check_length(const fs::path& socket) {
  if (socket.native().size() <= kMaxSocketPath) return {};
  return fail(
      "{}: a socket's path of {} bytes, where {} are the most; use shorter names, or set "
      "MOCK_DEVICE_RUN_DIR to a folder with a shorter path",
      socket.native(), socket.native().size(), kMaxSocketPath);
}

/// ssh binds the shared socket under a longer name first.
fs::path longest_name(const fs::path& shared_socket) {
  return shared_socket.native() + ".0123456789abcdef";
}

}  // namespace

Result<RunFolder> RunFolder::of(std::string_view lab) {
  if (!is_dns_label(lab)) {
    return fail(
        "lab name '{}': must be 1 to 63 characters of a-z, 0-9 and '-', and neither begin nor end "
        "with '-'",
        lab);
  }
  return RunFolder(std::string(lab), labs_folder() / lab);
}

Result<void> RunFolder::check_socket_paths(const std::vector<topology::Node>& nodes) const {
  for (const fs::path& socket : {control_socket(), kubernetes().egress_socket()}) {
    if (auto fits = check_length(socket); !fits) return fits;
  }
  for (const topology::Node& node : nodes) {
    if (auto fits = check_length(longest_name(machine(node.name).shared_socket())); !fits) {
      return fits;
    }
    for (const std::string& socket : topology::socket_names(node)) {
      if (auto fits = check_length(devices() / socket); !fits) return fits;
    }
  }
  return {};
}

Result<void> make_labs_folder() {
  const fs::path folder = labs_folder();
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(folder, errno);
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0) return fail_errno(folder, errno);
  // Whoever can write here can make this user's programs do what he wants. The folder's parent may
  // be /tmp/mock-device-UID, which anybody could have made.
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) {
    return fail("{}: not a folder of this user; set MOCK_DEVICE_RUN_DIR to another",
                folder.native());
  }
  if (::chmod(folder.c_str(), 0700) != 0) return fail_errno(folder, errno);
  return {};
}

}  // namespace mockdev::lab
