// SPDX-License-Identifier: Apache-2.0
// Client memory that came without a descriptor: the client is asked to copy it, by DMA_READ and
// DMA_WRITE.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>

#include "base/error.h"
#include "vfio_user/device.h"
#include "vfio_user/message_reader.h"
#include "vfio_user/sender.h"

namespace mockdev::vfio_user {

/// Threads of the device read and write; the thread that serves the client brings the replies. The
/// two never wait for each other, so requests of the client are served while a read is under way.
class RemoteMemory {
 public:
  /// `patience`: how long a read waits for each of its replies.
  RemoteMemory(Sender& sender, std::chrono::milliseconds patience)
      : sender_(sender), patience_(patience) {}

  /// Bytes that the client takes in one message. Set before the first read or write.
  void set_max_transfer(std::uint64_t bytes) { max_transfer_ = bytes; }

  /// Reads, in as many messages as the client's limit asks for. Fails when the client answers with
  /// an error or nonsense, not in time, or leaves.
  [[nodiscard]] Result<void> read(GuestAddress from, std::span<std::byte> into);

  /// Writes, without a reply: what the client makes of it is not known.
  [[nodiscard]] Result<void> write(GuestAddress to, std::span<const std::byte> data);

  /// Takes a reply of the client. Fails if nothing waits for it: an unknown id, or one too late.
  [[nodiscard]] Result<void> deliver(const Message& reply);

  /// The client is gone: reads under way fail, and all later calls. No read is under way any more
  /// on return.
  void close();

 private:
  /// A read that waits, on the stack of its thread.
  struct Pending {
    protocol::DmaAccess access;
    std::span<std::byte> into;
    std::optional<Result<void>> result;
  };

  [[nodiscard]] Result<void> read_part(protocol::DmaAccess access, std::span<std::byte> into);
  [[nodiscard]] static Result<void> take(const Message& reply, const Pending& pending);
  [[nodiscard]] Result<std::uint16_t> enter(Pending& pending);
  void leave(std::uint16_t id);
  [[nodiscard]] Result<void> wait(std::uint16_t id, Pending& pending);
  [[nodiscard]] std::size_t part(std::size_t size) const;

  Sender& sender_;
  std::chrono::milliseconds patience_;
  std::uint64_t max_transfer_ = protocol::kMaxDataTransfer;

  std::mutex mutex_;
  std::condition_variable answered_;
  std::map<std::uint16_t, Pending*> pending_;  ///< by message id
  unsigned under_way_ = 0;  ///< reads between enter() and leave(), with or without an answer
  std::uint16_t next_id_ = 0;
  bool closed_ = false;
};

}  // namespace mockdev::vfio_user
