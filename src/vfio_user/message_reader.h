// SPDX-License-Identifier: Apache-2.0
// Makes messages out of a stream of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vfio_user/protocol.h"
#include "vfio_user/transport.h"

namespace mockdev::vfio_user {

/// A whole message. What it points to stays valid until the next call of MessageReader::next().
struct Message {
  protocol::Header header{};
  std::span<const std::byte> body;  ///< all after the header
  std::span<UniqueFd> fds;          ///< whoever needs one moves it out; the others are closed
  bool fds_lost = false;            ///< more were sent than could be taken
};

/// Reads messages from a transport: cut in any way, and many in one receive.
///
/// Which message do descriptors belong to? A receive on a Linux stream socket ends with the first
/// send that had descriptors, so they belong to the message that the last byte received is part of.
/// The bytes before may hold any number of messages without descriptors.
class MessageReader {
 public:
  /// `max_size`: of a message, in bytes, with its header.
  MessageReader(Transport& transport, std::size_t max_size);

  /// Waits for the next message. nullptr: the peer has left between two messages. An error is the
  /// end: the peer left within a message, declared a size that no message has or sent more
  /// descriptors than Linux passes in one send, or the transport failed.
  [[nodiscard]] Result<Message*> next();

 private:
  /// Descriptors and the place in the stream (bytes since its start) of the byte they came with.
  struct Arrival {
    std::uint64_t place = 0;
    std::vector<UniqueFd> fds;
    bool lost = false;
  };

  [[nodiscard]] std::size_t available() const { return end_ - begin_; }
  [[nodiscard]] Result<std::size_t> wanted() const;
  [[nodiscard]] Message* take(std::size_t size);
  void make_room(std::size_t size);
  [[nodiscard]] Result<bool> receive();
  [[nodiscard]] Result<void> keep(Transport::Received received);

  Transport& transport_;
  std::size_t max_size_;
  std::unique_ptr<std::byte[]> buffer_;  // never zeroed
  std::size_t capacity_;
  std::size_t begin_ = 0;  ///< of the bytes not yet given out
  std::size_t end_ = 0;
  std::uint64_t given_ = 0;        ///< bytes of the stream given out: the place of begin_
  unsigned small_receives_ = 0;    ///< since a message last needed a buffer larger than usual
  std::vector<Arrival> arrivals_;  ///< in the order of their places
  Arrival current_;                ///< what the message given out last came with
  Message message_;                ///< given out last. Here, as copies of it cost time
};

}  // namespace mockdev::vfio_user
