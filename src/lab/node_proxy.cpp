// SPDX-License-Identifier: Apache-2.0
#include "lab/node_proxy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "lab/pump.h"
#include "lab/ssh.h"

namespace mockdev::lab {
namespace {

constexpr std::size_t kMaxRequest = 4096;
constexpr timeval kRequestTime{.tv_sec = 10, .tv_usec = 0};

/// Up to the empty line. Nothing comes after it before the answer.
Result<std::string> read_request(const UniqueFd& client) {
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &kRequestTime, sizeof kRequestTime);
  std::string request;
  std::array<char, 1024> piece{};
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(client.get(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail("a client that asked for nothing");
    request.append(piece.data(), static_cast<std::size_t>(got));
    if (request.size() > kMaxRequest) return fail("a client with a request without an end");
  }
  constexpr timeval kForever{};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &kForever, sizeof kForever);
  return request;
}

/// Whether `address` lies in a range of 24 bits, "10.244.0.0/24".
bool lies_in(std::string_view range, std::string_view address) {
  return address.starts_with(range.substr(0, range.rfind('.') + 1));
}

/// Becomes ssh. Returns only on failure.
Error serve(const UniqueFd& client, const RunFolder& folder,
            const std::vector<NodeAddress>& nodes) {
  const auto request = read_request(client);
  if (!request) return request.error();
  const auto target = parse_connect(*request);
  if (!target) {
    [[maybe_unused]] const bool told =
        write_whole(client.get(), "HTTP/1.1 400 Bad Request\r\n\r\n");
    return target.error();
  }
  if (!write_whole(client.get(), "HTTP/1.1 200 OK\r\n\r\n")) {
    return {.message = "a client that has gone"};
  }
  if (::dup2(client.get(), STDIN_FILENO) < 0 || ::dup2(client.get(), STDOUT_FILENO) < 0) {
    return fail_errno("dup2", errno).error();
  }
  return replace_process(forwarding(folder, node_on_the_way(nodes, *target).name, *target));
}

}  // namespace

Result<std::string> parse_connect(std::string_view request) {
  constexpr std::string_view kMethod = "CONNECT ";
  constexpr std::string_view kAddress = "0123456789.:";
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const std::size_t end = line.rfind(" HTTP/1.");
  if (!line.starts_with(kMethod) || end == std::string_view::npos || end < kMethod.size()) {
    return fail("'{}': not a CONNECT request", line);
  }
  const std::string_view target = line.substr(kMethod.size(), end - kMethod.size());
  if (target.find_first_not_of(kAddress) != std::string_view::npos ||
      std::ranges::count(target, ':') != 1) {
    return fail("'{}': not an IPv4 address and a port", target);
  }
  return std::string(target);
}

const NodeAddress& node_on_the_way(const std::vector<NodeAddress>& nodes, std::string_view target) {
  const std::string_view address = target.substr(0, target.find(':'));
  const auto node = std::ranges::find_if(nodes, [&](const NodeAddress& one) {
    return one.address == address || lies_in(one.pod_range, address);
  });
  return node == nodes.end() ? nodes.front() : *node;
}

void serve_in_child(UniqueFd client, const RunFolder& folder,
                    const std::vector<NodeAddress>& nodes) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) {
    if (pid < 0) log::error("fork: {}", errno);
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  ::signal(SIGCHLD, SIG_DFL);
  const Error error = serve(client, folder, nodes);
  log::error("{}", error.message);
  ::_exit(1);
}

}  // namespace mockdev::lab
