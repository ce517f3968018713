// SPDX-License-Identifier: Apache-2.0
#include "lab/ports.h"

#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.h"

namespace mockdev::lab {

Result<std::vector<std::uint16_t>> free_ports(unsigned count) {
  // All are held until the last is there, so that none is given out twice.
  std::vector<UniqueFd> sockets;
  std::vector<std::uint16_t> ports;
  while (ports.size() < count) {
    const UniqueFd& socket = sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return fail_errno("socket", errno);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as the calls want it
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), any, size) != 0 || ::getsockname(socket.get(), any, &size) != 0) {
      return fail_errno("127.0.0.1", errno);
    }
    ports.push_back(ntohs(address.sin_port));
  }
  return ports;
}

}  // namespace mockdev::lab
