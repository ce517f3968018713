// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "vfio_user/protocol.h"
#include "vfio_user/session.h"
#include "vfio_user/socket_transport.h"

namespace mockdev::vfio_user {

namespace {

using std::chrono::milliseconds;

/// How long clients have to leave by themselves when the server stops.
constexpr milliseconds kGrace{200};

/// How long a client of a busy device has to say something that can be answered with EBUSY, and how
/// many of them may be about to: they must not use up descriptors.
constexpr milliseconds kLatecomerTime{1000};
constexpr std::size_t kMaxLatecomers = 64;

/// When to try again after the process had no descriptor or thread for a client.
constexpr milliseconds kRetryTime{1000};

/// Each connected client takes a few descriptors, and the usual limit of 1,024 is for programs
/// that use select(), which this one doesn't.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log::warn("the limit of open descriptors can't be raised to {}", limit.rlim_max);
  }
}

}  // namespace

struct Server::Endpoint {
  std::string name;
  Device& device;
  UnixListener listener;
  std::unique_ptr<Connection> connection;           ///< none: waits for a client
  std::optional<Timers::iterator> negotiation_end;  ///< of the connection, if that is still ahead
};

/// A client, its socket and the thread that serves it.
class Server::Connection {
 public:
  Connection(Endpoint& endpoint, UniqueFd socket)
      : name_(endpoint.name),
        transport_(std::move(socket)),
        session_(transport_, endpoint.device, endpoint.name) {}

  /// Serves in a thread of its own, which calls `ended` last.
  [[nodiscard]] Result<void> start(std::function<void()> ended) {
    auto thread = Thread::start([this, ended = std::move(ended)] {
      serve();
      ended();
    });
    if (!thread) return std::unexpected(thread.error());
    thread_.emplace(std::move(*thread));
    return {};
  }

  [[nodiscard]] bool negotiated() const { return session_.negotiated(); }
  [[nodiscard]] bool peer_is_gone() const { return transport_.peer_is_gone(); }
  void finish_sending() { transport_.finish_sending(); }
  void shut_down() { transport_.shut_down(); }

  void end_unless_negotiated(milliseconds time) {
    if (negotiated()) return;
    log::warn("{}: the client did not agree on a version within {} ms", name_, time.count());
    shut_down();
  }

 private:
  void serve() {
    log::info("{}: client connected", name_);
    if (const auto served = session_.serve(); served) {
      log::info("{}: client left", name_);
    } else {
      log::warn("{}: client disconnected: {}", name_, served.error().message);
    }
  }

  const std::string& name_;
  SocketTransport transport_;
  Session session_;
  std::optional<Thread> thread_;  // last: joined before what it uses goes
};

Server::Server(Options options) : options_(options) {
  raise_descriptor_limit();
}

Server::~Server() {
  stop();
}

Result<void> Server::add(const std::filesystem::path& socket, Device& device) {
  auto listener = UnixListener::open(socket, options_.socket_mode);
  if (!listener) return std::unexpected(listener.error());
  auto endpoint = std::make_unique<Endpoint>(
      Endpoint{socket.native(), device, std::move(*listener), nullptr, std::nullopt});
  listening_[endpoint->listener.fd()] = endpoint.get();
  endpoints_[socket] = std::move(endpoint);
  return {};
}

Result<void> Server::start() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return fail_errno("epoll", errno);
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return fail_errno("eventfd", errno);
  std::vector<int> sources{wake_.get()};
  for (const auto& [fd, endpoint] : listening_) sources.push_back(fd);
  for (const int fd : sources) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return fail_errno("epoll", errno);
    }
  }
  auto thread = Thread::start([this] { wait_for_clients(); });
  if (!thread) return std::unexpected(thread.error());
  thread_.emplace(std::move(*thread));
  return {};
}

void Server::wait_for_clients() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   until_next_timer());
    for (int i = 0; i < count; ++i) handle(events.at(static_cast<std::size_t>(i)).data.fd);
    collect_ended();
    run_timers();
  }
}

void Server::handle(int fd) {
  if (fd == wake_.get()) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t ignored = ::read(fd, &count, sizeof(count));
  } else if (const auto endpoint = listening_.find(fd); endpoint != listening_.end()) {
    accept(*endpoint->second);
  } else {
    answer_latecomer(fd);
  }
}

void Server::accept(Endpoint& endpoint) {
  // A client that has gone is not in the way of the next, which waits until the device is told.
  if (endpoint.connection && endpoint.connection->peer_is_gone()) return listen(endpoint, false);
  UniqueFd socket = endpoint.listener.accept();
  if (!socket) {
    if (errno == EAGAIN) return;
    log::warn("{}", fail_errno(endpoint.name + ": a client has to wait", errno).error().message);
    listen(endpoint, false);
    after(kRetryTime, [this, &endpoint] { listen(endpoint, true); });
    return;
  }
  if (endpoint.connection) {
    log::warn("{}: another client is connected; a second one is turned away", endpoint.name);
    return turn_away(std::move(socket));
  }
  connect(endpoint, std::move(socket));
}

void Server::connect(Endpoint& endpoint, UniqueFd socket) {
  auto made = std::make_unique<Connection>(endpoint, std::move(socket));
  Connection& connection = *made;
  {
    const std::lock_guard lock(mutex_);
    endpoint.connection = std::move(made);
  }
  const auto started = connection.start([this, &endpoint] { ended(endpoint); });
  if (!started) {
    log::error("{}: client disconnected: {}", endpoint.name, started.error().message);
    return ended(endpoint);
  }
  endpoint.negotiation_end = after(options_.negotiation_time, [this, &endpoint] {
    endpoint.negotiation_end.reset();
    endpoint.connection->end_unless_negotiated(options_.negotiation_time);
  });
}

/// Waits for the client's VERSION without holding up anybody: a disconnection alone would tell its
/// user nothing.
void Server::turn_away(UniqueFd socket) {
  const int fd = socket.get();
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (latecomers_.size() >= kMaxLatecomers ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return;
  }
  latecomers_[fd] = std::move(socket);
  after(kLatecomerTime, [this, fd] { answer_latecomer(fd); });
}

void Server::answer_latecomer(int fd) {
  auto late = latecomers_.extract(fd);
  if (late.empty()) return;
  protocol::Header header{};
  if (::recv(fd, &header, sizeof(header), MSG_DONTWAIT) == sizeof(header)) {
    const protocol::Header no = protocol::error_reply_to(header, EBUSY);
    ::send(fd, &no, sizeof(no), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  const SocketTransport closes_cleanly(std::move(late.mapped()));
}

void Server::listen(const Endpoint& endpoint, bool on) const {
  const int fd = endpoint.listener.fd();
  epoll_event event{.events = on ? EPOLLIN : 0U, .data = {.fd = fd}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Server::ended(Endpoint& endpoint) {
  {
    const std::lock_guard lock(mutex_);
    ended_.push_back(&endpoint);
  }
  wake();
}

void Server::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(wake_.get(), &one, sizeof(one));
}

/// Makes devices whose client has left ready for the next one.
void Server::collect_ended() {
  std::vector<std::unique_ptr<Connection>> old;
  const std::lock_guard lock(mutex_);
  for (Endpoint* endpoint : std::exchange(ended_, {})) {
    old.push_back(std::move(endpoint->connection));
    if (endpoint->negotiation_end) timers_.erase(*endpoint->negotiation_end);
    endpoint->negotiation_end.reset();
    listen(*endpoint, true);
  }
}

Server::Timers::iterator Server::after(milliseconds delay, std::function<void()> action) {
  return timers_.emplace(Clock::now() + delay, std::move(action));
}

/// Milliseconds for epoll_wait(): rounded up, so that the timer is due then; -1 without a timer.
int Server::until_next_timer() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(timers_.begin()->first - Clock::now());
  return static_cast<int>(std::max<milliseconds::rep>(left.count(), 0));
}

void Server::run_timers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

void Server::stop() {
  if (stopping_.exchange(true)) return;
  if (thread_) {
    wake();
    thread_.reset();
    take_leave();
  }
  for (const auto& [fd, socket] : latecomers_) ::shutdown(fd, SHUT_RDWR);
  listening_.clear();
  endpoints_.clear();
}

/// The waiting thread is gone: what it did is done here.
void Server::take_leave() {
  const auto connected = [this] {
    std::vector<Connection*> all;
    for (const auto& [path, endpoint] : endpoints_) {
      if (endpoint->connection) all.push_back(endpoint->connection.get());
    }
    return all;
  };
  for (Connection* connection : connected()) connection->finish_sending();
  const auto deadline = Clock::now() + kGrace;
  while (!connected().empty() && Clock::now() < deadline) {
    pollfd woken{.fd = wake_.get(), .events = POLLIN, .revents = 0};
    ::poll(&woken, 1, static_cast<int>(kGrace.count()) / 10);
    handle(wake_.get());
    collect_ended();
  }
  for (Connection* connection : connected()) connection->shut_down();
}

bool Server::connected(const std::filesystem::path& socket) const {
  const std::lock_guard lock(mutex_);
  const auto endpoint = endpoints_.find(socket);
  return endpoint != endpoints_.end() && endpoint->second->connection &&
         endpoint->second->connection->negotiated();
}

}  // namespace mockdev::vfio_user
