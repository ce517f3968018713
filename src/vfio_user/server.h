// SPDX-License-Identifier: Apache-2.0
// Devices behind sockets: one process serves them all.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"
#include "vfio_user/device.h"

namespace mockdev::vfio_user {

/// Serves each device to one client at a time, through a socket of its own.
///
/// One thread waits at all sockets. Each connected client has a thread, which receives and answers
/// with one system call each; whatever a client does, it can hold up only its own device. When a
/// client leaves, its device is told and the next client is accepted. While one is served, others
/// get an error reply (EBUSY) and are disconnected.
///
/// A client may be silent for as long as it likes once the version is agreed on. Before that, it
/// has `negotiation_time`, as it keeps others from the device.
class Server {
 public:
  struct Options {
    mode_t socket_mode = 0600;
    std::chrono::milliseconds negotiation_time{10'000};
  };

  explicit Server(Options options);
  Server() : Server(Options{}) {}
  /// Stops.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  Server(Server&&) = delete;
  Server& operator=(Server&&) = delete;

  /// Binds a socket for a device, which must outlive the server. Clients that connect wait until
  /// start(). See UnixListener::open() for what fails. Call before start().
  [[nodiscard]] Result<void> add(const std::filesystem::path& socket, Device& device);

  /// Starts to accept clients, and raises the process' limit of open descriptors as far as it may.
  [[nodiscard]] Result<void> start();

  /// Takes leave of all clients: each is told that nothing more comes, gets a moment to leave, and
  /// is disconnected with nothing unread, which QEMU would abort on. All devices have been told of
  /// it and the socket files are gone on return, after at most about a second. The server can't be
  /// started again.
  void stop();

  /// Whether a client has agreed on the version through `socket` and has not left. Any thread may
  /// ask between start() and stop().
  [[nodiscard]] bool connected(const std::filesystem::path& socket) const;

 private:
  class Connection;
  struct Endpoint;
  using Clock = std::chrono::steady_clock;
  using Timers = std::multimap<Clock::time_point, std::function<void()>>;

  void wait_for_clients();
  void handle(int fd);
  void accept(Endpoint& endpoint);
  void connect(Endpoint& endpoint, UniqueFd socket);
  void turn_away(UniqueFd socket);
  void answer_latecomer(int fd);
  void listen(const Endpoint& endpoint, bool on) const;
  void collect_ended();
  Timers::iterator after(std::chrono::milliseconds delay, std::function<void()> action);
  [[nodiscard]] int until_next_timer() const;
  void run_timers();
  void ended(Endpoint& endpoint);
  void wake() const;
  void take_leave();

  Options options_;
  std::map<std::filesystem::path, std::unique_ptr<Endpoint>> endpoints_;
  std::unordered_map<int, Endpoint*> listening_;  ///< by the listener's descriptor

  UniqueFd epoll_;
  UniqueFd wake_;  ///< eventfd: there is something in `ended_` or `stopping_`
  std::optional<Thread> thread_;
  std::atomic<bool> stopping_ = false;

  // Of the waiting thread alone:
  std::unordered_map<int, UniqueFd> latecomers_;  ///< clients of devices that have one
  Timers timers_;

  mutable std::mutex mutex_;      ///< of `ended_` and of all Endpoint::connection
  std::vector<Endpoint*> ended_;  ///< whose client has left, not yet collected
};

}  // namespace mockdev::vfio_user
