// SPDX-License-Identifier: Apache-2.0
#include "control/listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/unique_fd.h"

namespace mockdev::control {
namespace {

/// How long the listener leaves new clients waiting when the process has no descriptor for them.
constexpr int kPauseMilliseconds = 100;

constexpr mode_t kSocketMode = 0600;

class Connection {
 public:
  Connection(UniqueFd fd, std::uint64_t last_heard) : fd_(std::move(fd)), last_heard_(last_heard) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool done() const { return dropped_ || (ended_ && unread() == 0); }
  /// When something last came from the client, on a clock that counts the loop's rounds.
  [[nodiscard]] std::uint64_t last_heard() const { return last_heard_; }

  [[nodiscard]] short wanted_events() const {
    return static_cast<short>((ended_ ? 0 : POLLIN) | (unread() > 0 ? POLLOUT : 0));
  }

  /// Takes what the client has sent, answers the requests that are complete.
  void receive(const std::vector<Verb>& verbs, std::uint64_t now) {
    std::array<char, kMaxRequest.value()> buffer;  // filled by recv
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) {
      dropped_ = errno != EAGAIN && errno != EINTR;
      return;
    }
    last_heard_ = now;
    ended_ = got == 0;
    input_.append(buffer.data(), static_cast<std::size_t>(got));
    answer_lines(verbs);
  }

  /// Sends what the client's socket has room for.
  void send() {
    while (unread() > 0) {
      const ssize_t sent =
          ::send(fd_.get(), output_.data() + sent_, unread(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) {
        dropped_ = errno != EAGAIN && errno != EINTR;
        return;
      }
      sent_ += static_cast<std::size_t>(sent);
    }
    output_.clear();
    sent_ = 0;
  }

 private:
  [[nodiscard]] std::size_t unread() const { return output_.size() - sent_; }

  void answer_lines(const std::vector<Verb>& verbs) {
    std::string_view rest = input_;
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      if (unread() > kMaxUnread.value()) {
        log::warn("control: dropped a client that does not read its replies");
        dropped_ = true;
        return;
      }
      const std::string_view line = rest.substr(0, end);
      if (!line.empty()) {
        output_ += answer(line, verbs);
        send();
      }
      rest.remove_prefix(end + 1);
    }
    if (rest.size() >= kMaxRequest.value()) {
      output_ += refusal(fmt::format("request is longer than {}", kMaxRequest));
      ended_ = true;
      rest = {};
    }
    input_.erase(0, input_.size() - rest.size());
  }

  UniqueFd fd_;
  std::string input_;   // the beginning of a request whose end has not come
  std::string output_;  // replies; the first sent_ bytes are gone
  std::size_t sent_ = 0;
  std::uint64_t last_heard_;
  bool ended_ = false;    // nothing more is read, what is unread is still sent
  bool dropped_ = false;  // nothing more is done
};

void drop_quietest(std::vector<Connection>& connections) {
  if (connections.empty()) return;
  connections.erase(std::ranges::min_element(connections, {}, &Connection::last_heard));
}

/// Takes one new client. False: the process is out of descriptors.
bool accept_client(const UnixListener& listener, std::vector<Connection>& connections,
                   std::uint64_t now) {
  UniqueFd fd = listener.accept();
  if (!fd) {
    const bool exhausted = errno != EAGAIN;
    if (exhausted) drop_quietest(connections);
    return !exhausted;
  }
  if (connections.size() == kMaxClients) drop_quietest(connections);
  connections.emplace_back(std::move(fd), now);
  return true;
}

/// Does the chore. Milliseconds for poll() until it is due again, rounded up, so that it is due
/// then; -1: never.
int do_chore(const Chore& chore) {
  using std::chrono::milliseconds;
  const auto next = chore ? chore() : std::nullopt;
  if (!next) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*next - std::chrono::steady_clock::now());
  constexpr milliseconds kLongest{std::chrono::hours(24)};
  return static_cast<int>(std::clamp(left, milliseconds(0), kLongest).count());
}

/// Serves the connections that `polled`, one entry each, says something of.
void serve_ready(std::vector<Connection>& connections, std::span<const pollfd> polled,
                 const std::vector<Verb>& verbs, std::uint64_t now) {
  for (std::size_t i = 0; i < connections.size(); ++i) {
    const short events = polled[i].revents;
    if ((events & POLLOUT) != 0) connections[i].send();
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) connections[i].receive(verbs, now);
  }
  std::erase_if(connections, &Connection::done);
}

}  // namespace

Result<Listener> Listener::bind(const std::filesystem::path& path) {
  auto listener = UnixListener::open(path, kSocketMode);
  if (!listener) return std::unexpected(listener.error());
  return Listener(*std::move(listener));
}

void Listener::serve(const std::vector<Verb>& verbs, int stop, const Chore& chore) {
  std::vector<Connection> connections;
  std::vector<pollfd> polled;
  bool accepting = true;
  for (std::uint64_t now = 1;; ++now) {
    polled = {{.fd = stop, .events = POLLIN, .revents = 0},
              {.fd = accepting ? listener_.fd() : -1, .events = POLLIN, .revents = 0}};
    for (const Connection& connection : connections) {
      polled.push_back({.fd = connection.fd(), .events = connection.wanted_events(), .revents = 0});
    }
    const int until_chore = do_chore(chore);
    const int ready =
        ::poll(polled.data(), polled.size(), accepting ? until_chore : kPauseMilliseconds);
    accepting = true;
    if (ready <= 0) continue;
    if (polled[0].revents != 0) return;
    serve_ready(connections, std::span(polled).subspan(2), verbs, now);
    if (polled[1].revents != 0) accepting = accept_client(listener_, connections, now);
  }
}

}  // namespace mockdev::control
