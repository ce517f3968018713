// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/socket_transport.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "vfio_user/protocol.h"

namespace mockdev::vfio_user {

namespace {

/// No message of this protocol leaves in more parts.
constexpr std::size_t kMaxParts = 4;

/// Room for the descriptors of one send. It stays untouched while none arrive.
struct Control {
  // the size is a macro of <sys/socket.h>
  alignas(cmsghdr) std::byte bytes[CMSG_SPACE(protocol::kMostDescriptors * sizeof(int))];
};

std::vector<UniqueFd> take_descriptors(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + (i * sizeof(int)), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

/// What is left of `parts` after the first `sent` bytes.
std::span<iovec> after(std::span<iovec> parts, std::size_t sent) {
  while (!parts.empty() && sent >= parts.front().iov_len) {
    sent -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (!parts.empty()) {
    parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + sent;
    parts.front().iov_len -= sent;
  }
  return parts;
}

/// send() is measurably cheaper than sendmsg(), and most messages are one part.
ssize_t send_once(int socket, std::span<iovec> parts) {
  if (parts.size() == 1) {
    return ::send(socket, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

}  // namespace

SocketTransport::SocketTransport(UniqueFd socket) : socket_(std::move(socket)) {}

SocketTransport::~SocketTransport() {
  // Once it is shut down, the peer can add nothing, so this ends.
  shut_down();
  std::array<std::byte, 4096> rest;
  while (::recv(socket_.get(), rest.data(), rest.size(), MSG_DONTWAIT) > 0) {
  }
}

Result<Transport::Received> SocketTransport::receive(std::span<std::byte> buffer) {
  Control control;  // the kernel fills what counts
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  // A peer that was not waiting for a reply is likely to be in the middle of a burst. If it shares
  // the processor, it can go on now, and the next receive brings many messages instead of one.
  if (!has_replied_.load(std::memory_order_relaxed)) ::sched_yield();
  has_replied_.store(false, std::memory_order_relaxed);
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  // A peer that was killed before it read all of its replies "resets" the connection.
  if (size < 0 && errno == ECONNRESET) return Received{};
  if (size < 0) return fail_errno("receiving from the client", errno);
  Result<Received> received(std::in_place);
  received->bytes = static_cast<std::size_t>(size);
  if (message.msg_controllen > 0) received->fds = take_descriptors(message);
  received->fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  return received;
}

Result<void> SocketTransport::send(std::span<const std::span<const std::byte>> parts) {
  has_replied_.store(true, std::memory_order_relaxed);
  std::array<iovec, kMaxParts> vectors{};
  if (parts.size() > vectors.size()) return fail("a message of {} parts", parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): iovec serves reading as well
    vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  }
  std::span<iovec> rest = after(std::span(vectors).first(parts.size()), 0);
  while (!rest.empty()) {
    const ssize_t sent = send_once(socket_.get(), rest);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_errno("sending to the client", errno);
    rest = after(rest, static_cast<std::size_t>(sent));
  }
  return {};
}

void SocketTransport::shut_down() {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

void SocketTransport::finish_sending() {
  ::shutdown(socket_.get(), SHUT_WR);
}

bool SocketTransport::peer_is_gone() const {
  pollfd state{.fd = socket_.get(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) == 1;
}

}  // namespace mockdev::vfio_user
