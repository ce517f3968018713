// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "base/unix_socket.h"
#include "control/protocol.h"

namespace mockdev::control {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

/// Waits until `fd` has one of `events`.
Result<void> wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return fail("no reply in time");
    pollfd polled{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
  }
}

Result<void> send_all(int fd, std::string_view line, Clock::time_point deadline) {
  while (!line.empty()) {
    if (auto ready = wait_for(fd, POLLOUT, deadline); !ready) return ready;
    const ssize_t sent = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail_errno("send", errno);
    if (sent > 0) line.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

/// One line, without its newline.
Result<std::string> receive_line(int fd, Clock::time_point deadline) {
  std::string line;
  std::array<char, 65536> buffer;  // filled by recv
  while (!line.ends_with('\n')) {
    if (line.size() > kMaxReply.value()) return fail("reply is longer than {}", kMaxReply);
    if (auto ready = wait_for(fd, POLLIN, deadline); !ready) {
      return std::unexpected(ready.error());
    }
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got == 0) return fail("the server has closed the connection");
    if (got < 0 && errno != EAGAIN && errno != EINTR) return fail_errno("receive", errno);
    if (got > 0) line.append(buffer.data(), static_cast<std::size_t>(got));
  }
  line.pop_back();
  return line;
}

/// What a reply line says: the object, or the server's refusal. Empty: it is no reply.
std::optional<Result<json>> parse_reply(const std::string& line) {
  json reply = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object()) return std::nullopt;
  const auto ok = reply.find("ok");
  if (ok == reply.end() || !ok->is_boolean()) return std::nullopt;
  if (ok->get<bool>()) return reply;
  const auto error = reply.find("error");
  if (error == reply.end() || !error->is_string()) return std::nullopt;
  return fail("{}", error->get_ref<const std::string&>());
}

}  // namespace

Result<Client> Client::connect(const std::filesystem::path& path) {
  auto fd = connect_unix(path);
  if (!fd) return std::unexpected(fd.error());
  return Client(*std::move(fd), path);
}

Result<json> Client::call(const json& request, std::chrono::milliseconds patience) {
  const std::string line = request.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
  const Result<std::string> reply = exchange(line, patience);
  if (!reply) {
    fd_.reset();
    return with_context(path_, reply.error());
  }
  auto parsed = parse_reply(*reply);
  if (!parsed) {
    fd_.reset();
    return fail("{}: what came back is not a reply of mock-accel-server", path_.native());
  }
  return *std::move(parsed);
}

Result<std::string> Client::exchange(const std::string& line, std::chrono::milliseconds patience) {
  if (!fd_) return fail("the connection is closed");
  const auto deadline = Clock::now() + patience;
  if (auto sent = send_all(fd_.get(), line, deadline); !sent) {
    return std::unexpected(sent.error());
  }
  return receive_line(fd_.get(), deadline);
}

}  // namespace mockdev::control
