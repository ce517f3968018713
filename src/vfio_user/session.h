// SPDX-License-Identifier: Apache-2.0
// One client, from its first byte to its last: the server's half of the protocol.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "vfio_user/device.h"
#include "vfio_user/dma_map.h"
#include "vfio_user/irqs.h"
#include "vfio_user/message_reader.h"
#include "vfio_user/protocol.h"
#include "vfio_user/refusal.h"
#include "vfio_user/remote_memory.h"
#include "vfio_user/sender.h"
#include "vfio_user/transport.h"

namespace mockdev::vfio_user {

/// Serves one client on a transport with one device. Commands are carried out in the order in which
/// they arrive. What a client may do wrong:
///
/// - a request that makes no sense gets an error reply, a line in the log (the first few of each
///   client), and the next request is served. Accesses within a region are never refused;
/// - a stream that makes no sense (sizes, kinds of messages, a first message other than VERSION)
///   ends the connection, as nothing after it could be understood.
class Session final : public Client {
 public:
  /// How long dma_read() waits for a client that doesn't answer. QEMU answers within a guest's
  /// worst scheduling delay; a stopped one is not a lost one.
  static constexpr std::chrono::milliseconds kDmaPatience{10'000};

  /// Transport and device must outlive the session. `name` stands before each line in the log.
  Session(Transport& transport, Device& device, std::string_view name,
          std::chrono::milliseconds dma_patience = kDmaPatience);

  /// Serves until the client leaves, or until the transport is shut down. An error says why the
  /// connection had to be ended. The device has been told and the transport is shut down on return.
  /// Call once.
  [[nodiscard]] Result<void> serve();

  /// Whether VERSION is agreed on. Any thread may ask.
  [[nodiscard]] bool negotiated() const { return negotiated_; }

  void trigger(std::uint32_t index, std::uint32_t vector) override;
  [[nodiscard]] Result<void> dma_read(GuestAddress from, std::span<std::byte> into) override;
  [[nodiscard]] Result<void> dma_write(GuestAddress to, std::span<const std::byte> data) override;
  [[nodiscard]] Result<void> dma_copy(GuestAddress from, GuestAddress to,
                                      std::span<std::byte> buffer) override;

 private:
  /// A row of the table of commands.
  struct Row {
    protocol::Command command;
    std::string_view name;
    std::size_t least_body;  ///< bytes; longer bodies are fine, as some clients send them
    std::size_t most_fds;    ///< descriptors that may come along
    Outcome (Session::*handle)(Message&);
  };
  static const std::array<Row, 16> kRows;
  [[nodiscard]] static const Row* row_of(std::uint16_t command);
  [[nodiscard]] static std::string name_of(std::uint16_t command);

  [[nodiscard]] Result<void> serve_messages();
  [[nodiscard]] Result<void> serve_message(Message& message);
  [[nodiscard]] Result<void> serve_command(Message& message);
  [[nodiscard]] Outcome carry_out(Message& message);

  Outcome version(Message& message);
  Outcome dma_map(Message& message);
  Outcome dma_unmap(Message& message);
  Outcome get_info(Message& message);
  Outcome get_region_info(Message& message);
  Outcome get_region_io_fds(Message& message);
  Outcome get_irq_info(Message& message);
  Outcome set_irqs(Message& message);
  Outcome region_read(Message& message);
  Outcome region_write(Message& message);
  Outcome region_write_multi(Message& message);
  Outcome reset(Message& message);
  Outcome unsupported(Message& message);

  [[nodiscard]] Outcome check(std::uint64_t offset, std::uint32_t region, std::uint32_t count,
                              std::uint32_t most) const;
  void write(const protocol::RegionAccess& access, std::span<const std::byte> data);

  [[nodiscard]] Result<void> may_wait(GuestAddress address) const;
  void reply(const protocol::Header& request, std::span<const std::byte> body = {},
             std::span<const std::byte> more = {});
  void note(Result<void> sent);
  void complain(std::string_view about, std::string_view reason);

  Transport& transport_;
  Device& device_;
  std::string name_;
  MessageReader reader_;
  Sender sender_;
  DmaMap maps_;
  RemoteMemory remote_memory_;
  Irqs irqs_;
  std::atomic<bool> negotiated_ = false;
  std::atomic<std::thread::id> serving_thread_;
  Result<void> sent_;  ///< the first failure to send
  unsigned complaints_ = 0;
};

}  // namespace mockdev::vfio_user
