// SPDX-License-Identifier: Apache-2.0
#include "lab/pump.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace mockdev::lab {

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // stdin and stdout may be one terminal that somebody made non-blocking.
      pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool copy_some(int from, int to) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(from, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  return got > 0 && write_whole(to, {buffer.data(), static_cast<std::size_t>(got)});
}

}  // namespace mockdev::lab
