// SPDX-License-Identifier: Apache-2.0
#include "server/notify.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <tuple>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/unique_fd.h"

namespace mockdev::server {

void notify(std::string_view state) {
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  if (variable == nullptr) return;
  const std::string_view path = variable;
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, static_cast<char*>(address.sun_path));
  // '@' stands for the zero byte of an abstract address.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';

  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  std::ignore = ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                         reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace mockdev::server
