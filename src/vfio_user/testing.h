// SPDX-License-Identifier: Apache-2.0
// Helpers for tests, fuzzers and benchmarks only: a device of plain memory, a transport without a
// socket, and a client that says exactly what it is told to.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "vfio_user/device.h"
#include "vfio_user/protocol.h"
#include "vfio_user/transport.h"

namespace mockdev::vfio_user::testing {

using Bytes = std::vector<std::byte>;

/// A DMA map for both directions.
inline constexpr std::uint32_t kReadWrite = protocol::kDmaRead | protocol::kDmaWrite;

/// Structures and bytes, one after the other.
template <typename... Parts>
Bytes join(const Parts&... parts) {
  Bytes all;
  const auto append = [&all](std::span<const std::byte> bytes) {
    all.insert(all.end(), bytes.begin(), bytes.end());
  };
  const auto append_part = [&append](const auto& part) {
    if constexpr (requires { std::span<const std::byte>(part); }) {
      append(part);
    } else {
      append(protocol::bytes_of(part));
    }
  };
  (append_part(parts), ...);
  return all;
}

inline Bytes text(std::string_view characters) {
  const auto bytes = std::as_bytes(std::span(characters));
  return {bytes.begin(), bytes.end()};
}

/// A command with its header.
inline Bytes message(protocol::Command command, std::span<const std::byte> body = {},
                     std::uint16_t id = 1, std::uint32_t flags = 0) {
  return join(
      protocol::Header{.id = id,
                       .command = std::to_underlying(command),
                       .size = static_cast<std::uint32_t>(sizeof(protocol::Header) + body.size()),
                       .flags = flags,
                       .error = 0},
      body);
}

inline Bytes hello() {
  return message(protocol::Command::version, protocol::bytes_of(protocol::Version{0, 1}));
}

inline UniqueFd memory_file(std::uint64_t size) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) std::abort();
  return fd;
}

/// As QEMU's memory-backend-memfd makes it: its length is for good.
inline UniqueFd sealed_memory_file(std::uint64_t size, unsigned flags = 0,
                                   int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) {
  UniqueFd fd(::memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, seals) != 0) {
    std::abort();
  }
  return fd;
}

/// Regions of memory. Aborts if it is called in a way that Device rules out.
class TestDevice final : public Device {
 public:
  static constexpr std::uint32_t kPlain = 0;      ///< 4 KiB, may be read and written
  static constexpr std::uint32_t kReadOnly = 1;   ///< 64 bytes of 0xaa
  static constexpr std::uint32_t kWriteOnly = 2;  ///< 64 bytes
  static constexpr std::uint32_t kAbsent = 3;
  static constexpr std::uint32_t kLarge = 4;  ///< 4 MiB, may be read and written
  static constexpr std::uint32_t kRegions = 9;
  static constexpr std::uint32_t kMaskable = 0;  ///< 1 vector
  static constexpr std::uint32_t kVectors = 2;   ///< 4 vectors

  [[nodiscard]] std::span<const Region> regions() const override { return regions_; }
  [[nodiscard]] std::span<const IrqIndex> irqs() const override { return irqs_; }

  void read(std::uint32_t region, std::uint64_t offset, std::span<std::byte> into) override {
    if (!regions_.at(region).readable) std::abort();
    std::ranges::copy(range(region, offset, into.size()), into.begin());
  }
  void write(std::uint32_t region, std::uint64_t offset, std::span<const std::byte> data) override {
    if (!regions_.at(region).writable) std::abort();
    std::ranges::copy(data, range(region, offset, data.size()).begin());
    ++writes;
  }
  void reset() override { ++resets; }
  void connected(Client& client) override {
    const std::unique_lock lock(client_mutex_);
    if (std::exchange(client_, &client) != nullptr) std::abort();
    ++connections;
  }
  void disconnected() override {
    const std::unique_lock lock(client_mutex_);
    if (std::exchange(client_, nullptr) == nullptr) std::abort();
  }

  /// Keeps the client from being gone: disconnected() waits for the end of all of these.
  class HeldClient {
   public:
    explicit HeldClient(const TestDevice& device)
        : lock_(device.client_mutex_), client_(device.client_) {}
    Client* operator->() const { return client_; }

   private:
    std::shared_lock<std::shared_mutex> lock_;
    Client* client_;
  };

  /// The client, which has to be there.
  [[nodiscard]] HeldClient client() const { return HeldClient(*this); }
  [[nodiscard]] bool has_client() const {
    const std::shared_lock lock(client_mutex_);
    return client_ != nullptr;
  }
  std::atomic<int> writes = 0;
  std::atomic<int> resets = 0;
  std::atomic<int> connections = 0;

 private:
  static constexpr std::byte kFill{0xaa};

  std::span<std::byte> range(std::uint32_t region, std::uint64_t offset, std::size_t size) {
    auto& memory = memory_.at(region);
    if (memory.empty()) {
      memory.resize(regions_.at(region).size.value(), region == kReadOnly ? kFill : std::byte{0});
    }
    if (size == 0 || offset > memory.size() || size > memory.size() - offset) std::abort();
    return std::span(memory).subspan(offset, size);
  }

  std::array<Region, kRegions> regions_{{{.size = 4_KiB, .readable = true, .writable = true},
                                         {.size = 64_B, .readable = true},
                                         {.size = 64_B, .writable = true},
                                         {},
                                         {.size = 4_MiB, .readable = true, .writable = true},
                                         {},
                                         {},
                                         {.size = 4_KiB, .readable = true, .writable = true},
                                         {}}};
  std::array<IrqIndex, 5> irqs_{{{1, true}, {0, false}, {4, false}, {1, false}, {1, false}}};
  std::array<Bytes, kRegions> memory_;  ///< made when it is first used
  mutable std::shared_mutex client_mutex_;
  Client* client_ = nullptr;
};

/// Gives out what it was loaded with, one chunk a receive, and then says that the peer has left.
class MemoryTransport final : public Transport {
 public:
  struct Chunk {
    Bytes bytes;
    std::vector<UniqueFd> fds = {};
    bool fds_lost = false;
  };

  void load(Chunk chunk) { chunks_.push_back(std::move(chunk)); }

  [[nodiscard]] Result<Received> receive(std::span<std::byte> buffer) override {
    last_buffer = buffer.size();
    if (buffer.empty()) std::abort();
    if (chunks_.empty()) return Received{};
    ++receives;
    Chunk& chunk = chunks_.front();
    const std::size_t size = std::min(buffer.size(), chunk.bytes.size());
    std::ranges::copy_n(chunk.bytes.begin(), static_cast<std::ptrdiff_t>(size), buffer.begin());
    Received received{size, std::move(chunk.fds), std::exchange(chunk.fds_lost, false)};
    chunk.fds.clear();
    chunk.bytes.erase(chunk.bytes.begin(), chunk.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    if (chunk.bytes.empty()) chunks_.pop_front();
    return received;
  }

  [[nodiscard]] Result<void> send(std::span<const std::span<const std::byte>> parts) override {
    Bytes whole;
    for (const auto& part : parts) whole.insert(whole.end(), part.begin(), part.end());
    sent.push_back(std::move(whole));
    return {};
  }

  void shut_down() override { chunks_.clear(); }

  std::vector<Bytes> sent;
  int receives = 0;
  std::size_t last_buffer = 0;

 private:
  std::deque<Chunk> chunks_;
};

/// A client's end of a socket.
class TestClient {
 public:
  struct Reply {
    protocol::Header header;
    Bytes body;

    [[nodiscard]] std::uint32_t error() const {
      return (header.flags & protocol::kError) != 0 ? header.error : 0;
    }
    template <typename T>
    [[nodiscard]] T as() const {
      if (body.size() < sizeof(T)) std::abort();
      return protocol::load<T>(body);
    }
  };

  explicit TestClient(UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  void leave() { socket_.reset(); }

  void send(std::span<const std::byte> bytes, std::initializer_list<int> fds = {}) const {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};  // NOLINT(*-const-cast)
    msghdr out{};
    out.msg_iov = &part;
    out.msg_iovlen = 1;
    std::vector<std::byte> control(CMSG_SPACE(fds.size() * sizeof(int)));
    if (fds.size() > 0) {
      out.msg_control = control.data();
      out.msg_controllen = control.size();
      cmsghdr* rights = CMSG_FIRSTHDR(&out);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(rights), std::data(fds), fds.size() * sizeof(int));
    }
    if (::sendmsg(fd(), &out, MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) std::abort();
  }

  /// The next message from the server; none: it has closed the connection.
  [[nodiscard]] std::optional<Reply> receive() const {
    Reply reply{};
    if (!receive_exactly(std::as_writable_bytes(std::span(&reply.header, 1)))) return std::nullopt;
    reply.body.resize(reply.header.size - sizeof(reply.header));
    if (!receive_exactly(reply.body)) return std::nullopt;
    return reply;
  }

  [[nodiscard]] Reply ask(protocol::Command command, std::span<const std::byte> body = {},
                          std::initializer_list<int> fds = {}) const {
    send(message(command, body, ++id_), fds);
    const auto reply = receive();
    if (!reply || reply->header.id != id_ || reply->header.command != std::to_underlying(command)) {
      std::abort();
    }
    return *reply;
  }

  [[nodiscard]] bool greet() const {
    send(hello());
    return receive().has_value();
  }

 private:
  [[nodiscard]] bool receive_exactly(std::span<std::byte> into) const {
    if (into.empty()) return true;
    return ::recv(fd(), into.data(), into.size(), MSG_WAITALL) == static_cast<ssize_t>(into.size());
  }

  UniqueFd socket_;
  mutable std::uint16_t id_ = 100;
};

inline std::pair<UniqueFd, UniqueFd> socket_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace mockdev::vfio_user::testing
