// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix_socket.h"
#include "lab/lab.h"
#include "lab/pump.h"

namespace mockdev::lab {

Result<void> relay(const std::filesystem::path& socket) {
  const auto connection = connect_unix(socket);
  if (!connection) return std::unexpected(connection.error());
  std::array<pollfd, 2> waits{{
      {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
      {.fd = connection->get(), .events = POLLIN, .revents = 0},
  }};
  while (true) {
    ::poll(waits.data(), waits.size(), -1);
    if (waits[1].revents != 0 && !copy_some(connection->get(), STDOUT_FILENO)) return {};
    if (waits[0].revents != 0 && !copy_some(STDIN_FILENO, connection->get())) {
      ::shutdown(connection->get(), SHUT_WR);
      waits[0].fd = -1;
    }
  }
}

}  // namespace mockdev::lab
