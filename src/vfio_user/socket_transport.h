// SPDX-License-Identifier: Apache-2.0
// A Transport on a connected UNIX stream socket.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vfio_user/transport.h"

namespace mockdev::vfio_user {

/// One receive() is one recvmsg(), one send() is one system call unless the peer's buffer is full.
class SocketTransport final : public Transport {
 public:
  /// Takes the socket, which blocks.
  explicit SocketTransport(UniqueFd socket);

  /// Leaves nothing unread behind: closing a socket over unread bytes is a "connection reset" to
  /// the peer, and QEMU aborts on that.
  ~SocketTransport() override;

  SocketTransport(const SocketTransport&) = delete;
  SocketTransport& operator=(const SocketTransport&) = delete;
  SocketTransport(SocketTransport&&) = delete;
  SocketTransport& operator=(SocketTransport&&) = delete;

  [[nodiscard]] Result<Received> receive(std::span<std::byte> buffer) override;
  [[nodiscard]] Result<void> send(std::span<const std::span<const std::byte>> parts) override;
  void shut_down() override;

  /// Tells the peer that nothing more will come, and goes on receiving what it still sends. Any
  /// thread may call it.
  void finish_sending();

  /// Whether the peer has closed its socket. Any thread may call it.
  [[nodiscard]] bool peer_is_gone() const;

 private:
  UniqueFd socket_;
  std::atomic<bool> has_replied_ = true;  ///< since the last receive
};

}  // namespace mockdev::vfio_user
