// SPDX-License-Identifier: Apache-2.0
#include "base/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/socket.h>

namespace mockdev {

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
  const std::string& text = path.native();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (text.empty() || text.size() >= sizeof(address.sun_path)) {
    return fail("socket {}: a path of {} bytes; it can have 1 to {}", text, text.size(),
                sizeof(address.sun_path) - 1);
  }
  std::memcpy(&address.sun_path, text.data(), text.size());
  return address;
}

Result<UniqueFd> connect_unix(const std::filesystem::path& path) {
  const auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("making a socket", errno);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&*address);
  while (::connect(fd.get(), generic, sizeof(*address)) != 0) {
    if (errno != EINTR) return fail_errno(path, errno);
  }
  return fd;
}

}  // namespace mockdev
