// SPDX-License-Identifier: Apache-2.0
// Where a session's bytes come from and go to: a socket in the server, memory in tests and fuzzers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace mockdev::vfio_user {

/// A reliable, ordered stream of bytes with file descriptors attached to some of them.
class Transport {
 public:
  virtual ~Transport() = default;

  /// What one receive() brought.
  struct Received {
    std::size_t bytes = 0;      ///< 0: the peer has closed its side, or is gone
    std::vector<UniqueFd> fds;  ///< sent along with the last of these bytes
    bool fds_lost = false;      ///< more were sent than could be taken; those are closed
  };

  /// Waits for bytes and puts as many as there are, up to the buffer's size, into `buffer`.
  /// Called by one thread.
  [[nodiscard]] virtual Result<Received> receive(std::span<std::byte> buffer) = 0;

  /// Sends all parts in order, as one message where the transport has a notion of it. Waits while
  /// the peer is slow. Callers serialise.
  [[nodiscard]] virtual Result<void> send(std::span<const std::span<const std::byte>> parts) = 0;

  /// Ends the conversation in both directions: a send() fails, also one that is waiting, and
  /// receive() gives what is left and then 0 bytes. Any thread may call it, and more than once.
  virtual void shut_down() = 0;
};

}  // namespace mockdev::vfio_user
