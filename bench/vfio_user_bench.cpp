// SPDX-License-Identifier: Apache-2.0
// What the vfio-user server costs, as ratios to the least that a socket costs: both are measured in
// turn within one run, pinned to one CPU, so that figures can be compared on a busy machine too.
// Prints rows of `name | value | target | ok?`; medians of the rounds.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/testing.h"
#include "comparison.h"
#include "vfio_user/protocol.h"
#include "vfio_user/server.h"
#include "vfio_user/session.h"
#include "vfio_user/socket_transport.h"
#include "vfio_user/testing.h"

namespace {

using namespace mockdev;             // NOLINT(google-build-using-namespace): a program
using namespace mockdev::bench;      // NOLINT(google-build-using-namespace): a program
using namespace mockdev::vfio_user;  // NOLINT(google-build-using-namespace): a program
using protocol::Command;
using testing::Bytes;

constexpr int kOperations = 400;
constexpr int kPosted = 4000;
constexpr std::size_t kDevices = 1024;

void send_all(int fd, std::span<const std::byte> bytes) {
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    give_up("send failed");
  }
}

void receive_all(int fd, std::span<std::byte> bytes) {
  if (::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) != static_cast<ssize_t>(bytes.size())) {
    give_up("recv failed");
  }
}

/// Messages as a guest's register accesses make them.
struct Traffic {
  Bytes read = testing::message(Command::region_read, protocol::bytes_of(protocol::RegionAccess{
                                                          .offset = 8, .region = 0, .count = 4}));
  Bytes read_reply = Bytes(read.size() + 4);
  Bytes posted = testing::message(
      Command::region_write,
      testing::join(protocol::RegionAccess{.offset = 8, .region = 0, .count = 4}, std::uint32_t{7}),
      1, protocol::kNoReply);
};

void round_trip(int fd, Traffic& traffic) {
  send_all(fd, traffic.read);
  receive_all(fd, traffic.read_reply);
}

/// Receives up to a buffer's size; what the peer at the raw end of a socket does.
using Receive = ssize_t (*)(int fd, std::span<std::byte> buffer);

ssize_t receive_bytes(int fd, std::span<std::byte> buffer) {
  return ::recv(fd, buffer.data(), buffer.size(), 0);
}

/// As a server has to, whose client may send descriptors at any time.
ssize_t receive_descriptors_too(int fd, std::span<std::byte> buffer) {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(protocol::kMostDescriptors * sizeof(int))>
      control;
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  return ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
}

/// The least that can be done: one receive and, for what wants an answer, one send() a message.
class RawPeer {
 public:
  explicit RawPeer(Receive receive) {
    auto [mine, theirs] = testing::socket_pair();
    client_ = std::move(mine);
    thread_ =
        std::jthread([receive, socket = std::move(theirs)] { answer(socket.get(), receive); });
  }
  ~RawPeer() { client_.reset(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  RawPeer(RawPeer&&) = delete;
  RawPeer& operator=(RawPeer&&) = delete;

  [[nodiscard]] int fd() const { return client_.get(); }

 private:
  static void answer(int fd, Receive receive) {
    const Traffic sizes;
    Bytes buffer(sizes.posted.size());
    const Bytes reply(sizes.read_reply.size());
    // A read is the smaller of the two messages, and its size is all that a raw peer looks at.
    for (;;) {
      const auto size = receive(fd, buffer);
      if (size <= 0) return;
      if (static_cast<std::size_t>(size) == sizes.read.size()) send_all(fd, reply);
    }
  }

  UniqueFd client_;
  std::jthread thread_;  // last: joined after the socket that it waits at was closed
};

/// A session in a thread.
class SessionPeer {
 public:
  SessionPeer() {
    auto [mine, theirs] = testing::socket_pair();
    client_ = std::make_unique<testing::TestClient>(std::move(mine));
    thread_ = std::jthread([this, socket = std::move(theirs)]() mutable {
      SocketTransport transport(std::move(socket));
      Session session(transport, device_, "bench");
      [[maybe_unused]] const auto served = session.serve();
    });
    if (!client_->greet()) give_up("no session");
  }
  ~SessionPeer() { client_->leave(); }
  SessionPeer(const SessionPeer&) = delete;
  SessionPeer& operator=(const SessionPeer&) = delete;
  SessionPeer(SessionPeer&&) = delete;
  SessionPeer& operator=(SessionPeer&&) = delete;

  [[nodiscard]] int fd() const { return client_->fd(); }

 private:
  testing::TestDevice device_;
  std::unique_ptr<testing::TestClient> client_;
  std::jthread thread_;
};

double read_time(int fd, Traffic& traffic) {
  return time_of(kOperations, [&] { round_trip(fd, traffic); });
}

/// Posted writes, ended by a read, so that all of them have been carried out.
double posted_time(int fd, Traffic& traffic) {
  return time_of(1,
                 [&] {
                   for (int i = 0; i < kPosted; ++i) send_all(fd, traffic.posted);
                   round_trip(fd, traffic);
                 }) /
         kPosted;
}

void compare_with_raw_socket() {
  Traffic traffic;
  const RawPeer raw(receive_bytes);
  const RawPeer raw_with_descriptors(receive_descriptors_too);
  const SessionPeer session;
  const auto ours = [&] { return read_time(session.fd(), traffic); };
  Comparison([&] { return read_time(raw_with_descriptors.fd(), traffic); }, ours)
      .print("register read, rate against recvmsg() and send()", 0.97);
  Comparison([&] { return read_time(raw.fd(), traffic); }, ours)
      .print("register read, rate against recv() and send()", 0.97);
  Comparison([&] { return posted_time(raw.fd(), traffic); },
             [&] { return posted_time(session.fd(), traffic); })
      .print("posted writes, rate against recv() one by one", 1.3);
}

/// Kilobytes of memory that belong to this process alone, or its share of what does not.
double memory_in_use() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string word; file >> word;) {
    double kilobytes = 0;
    if (word == "Pss:" && file >> kilobytes) return kilobytes;
  }
  give_up("/proc/self/smaps_rollup has no Pss");
}

testing::TestClient connect(const std::filesystem::path& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(&address.sun_path[0], sizeof(address.sun_path) - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    give_up("connect failed");
  }
  return testing::TestClient(std::move(fd));
}

/// A device without memory of its own: what is left is the server's.
class EmptyDevice final : public Device {
 public:
  [[nodiscard]] std::span<const Region> regions() const override { return kRegions; }
  [[nodiscard]] std::span<const IrqIndex> irqs() const override { return kIrqs; }
  void read(std::uint32_t /*region*/, std::uint64_t /*offset*/,
            std::span<std::byte> into) override {
    std::ranges::fill(into, std::byte{0});
  }
  void write(std::uint32_t /*region*/, std::uint64_t /*offset*/,
             std::span<const std::byte> /*data*/) override {}
  void reset() override {}
  void connected(Client& /*client*/) override {}
  void disconnected() override {}

 private:
  static constexpr std::array<Region, 9> kRegions{
      {{.size = 4_KiB, .readable = true, .writable = true}}};
  static constexpr std::array<IrqIndex, 5> kIrqs{};
};

/// Servers with clients that are connected.
class Crowd {
 public:
  explicit Crowd(std::size_t size) : devices_(size) {
    for (std::size_t i = 0; i < size; ++i) {
      if (const auto added = server_.add(path(i), devices_[i]); !added) {
        give_up(added.error().message);
      }
    }
    if (const auto started = server_.start(); !started) give_up(started.error().message);
  }

  void connect_all() {
    clients_.reserve(devices_.size());
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      clients_.push_back(connect(path(i)));
      if (!clients_.back().greet()) give_up("no VERSION reply");
    }
  }

  [[nodiscard]] int fd() const { return clients_.front().fd(); }

 private:
  [[nodiscard]] std::filesystem::path path(std::size_t i) const {
    return folder_.path() / std::to_string(i);
  }

  TemporaryFolder folder_;
  std::vector<EmptyDevice> devices_;
  Server server_;
  std::vector<testing::TestClient> clients_;
};

void measure_crowd() {
  Traffic traffic;
  Crowd one(1);
  one.connect_all();
  Crowd many(kDevices);
  // Sockets of the clients are in this process too, but their memory is the kernel's.
  const double before = memory_in_use();
  many.connect_all();
  const double each = (memory_in_use() - before) / kDevices;
  row(fmt::format("memory of an idle client, {} connected", kDevices),
      fmt::format("{:.1f} kB", each), "<= 24", each <= 24);
  Comparison([&] { return read_time(one.fd(), traffic); },
             [&] { return read_time(many.fd(), traffic); })
      .print(fmt::format("register read beside {} idle clients, against none", kDevices - 1), 0.97);
}

/// From nothing to 64 devices, each with a client whose VERSION was answered.
void measure_start() {
  constexpr std::size_t kStarted = 64;
  std::vector<double> times;
  for (int round = 0; round < 15; ++round) {
    std::unique_ptr<Crowd> crowd;
    times.push_back(time_of(1, [&] {
      crowd = std::make_unique<Crowd>(kStarted);
      crowd->connect_all();
    }));
  }
  const double milliseconds = median(times) / 1000;
  row(fmt::format("start of {} devices up to negotiated clients", kStarted),
      fmt::format("{:.2f} ms", milliseconds), "<= 10", milliseconds <= 10);
}

}  // namespace

int main() {
  if (const auto quiet = start_logging("error"); !quiet) give_up(quiet.error().message);
  pin_to_one_cpu();
  fmt::print("{:<54} | {:>22} | {:>8} | ok?\n", "name", "value (raw/ours)", "target");
  compare_with_raw_socket();
  measure_crowd();
  measure_start();
  return 0;
}
