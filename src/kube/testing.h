// SPDX-License-Identifier: Apache-2.0
// For tests only: an HTTP/1.1 server on loopback that follows a script, down to the bytes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "base/unique_fd.h"
#include "kube/client.h"

namespace mockdev::kube {

/// A collection without namespaces.
inline const Resource kSlices{
    .group = "resource.k8s.io", .version = "v1", .plural = "resourceslices"};

/// What a client has sent.
struct Received {
  std::string method;
  std::string target;                          ///< path and query
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::size_t connection = 0;  ///< counted from 0, in the order in which they were accepted

  [[nodiscard]] bool asks(std::string_view part) const { return target.contains(part); }
};

/// The server's end of one connection, while a request is answered.
class Answer {
 public:
  Answer(int fd, const std::atomic<bool>& over) : fd_(fd), over_(over) {}

  /// Bytes as they are.
  void raw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// A whole reply.
  void reply(int status, std::string_view body, std::string_view more_headers = {}) {
    raw(
        fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n"
                    "\r\n{}",
                    status, more_headers, body.size(), body));
  }
  void reply(int status, const nlohmann::json& body, std::string_view more_headers = {}) {
    reply(status, std::string_view(body.dump()), more_headers);
  }
  /// A Status object.
  void refuse(int status, std::string_view reason, std::string_view message,
              std::string_view more_headers = {}) {
    reply(status,
          nlohmann::json{{"kind", "Status"},
                         {"apiVersion", "v1"},
                         {"status", "Failure"},
                         {"reason", reason},
                         {"message", message},
                         {"code", status}},
          more_headers);
  }

  /// A reply in chunks: begin, any number of them, end.
  void begin_chunks() { raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); }
  void chunk(std::string_view bytes) { raw(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes)); }
  void end_chunks() { raw("0\r\n\r\n"); }

  /// Closes, or resets, the connection after this answer.
  void close() { closing_ = true; }
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    closing_ = true;
  }

  /// Nothing more, until the client hangs up or the test is over.
  void stall() {
    char byte = 0;
    while (!over_ && ::recv(fd_, &byte, 1, MSG_PEEK) > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    closing_ = true;
  }

  [[nodiscard]] bool closing() const { return closing_; }

 private:
  int fd_;
  const std::atomic<bool>& over_;
  bool closing_ = false;
};

using Step = std::function<void(const Received&, Answer&)>;

/// Answers each request by the next step of the script; the last one goes on for ever.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<Step> steps)
      : steps_(std::move(steps)), listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listening_.get(), generic, length) != 0 || ::listen(listening_.get(), 16) != 0 ||
        ::getsockname(listening_.get(), generic, &length) != 0) {
      throw std::runtime_error("no loopback socket");
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept(); });
  }
  ~ScriptedServer() {
    over_ = true;
    ::shutdown(listening_.get(), SHUT_RDWR);
    accepting_.join();
    {
      const std::scoped_lock lock(mutex_);
      for (const UniqueFd& fd : connections_) ::shutdown(fd.get(), SHUT_RDWR);
    }
    for (std::thread& thread : serving_) thread.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ScriptedServer(ScriptedServer&&) = delete;
  ScriptedServer& operator=(ScriptedServer&&) = delete;

  [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

  /// What has come so far.
  [[nodiscard]] std::vector<Received> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  /// Waits until so many requests have come. False: they did not within 10 s.
  [[nodiscard]] bool wait_for_requests(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return news_.wait_for(lock, std::chrono::seconds(10),
                          [&] { return requests_.size() >= count; });
  }

 private:
  void accept() {
    while (!over_) {
      UniqueFd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) return;
      const std::scoped_lock lock(mutex_);
      const std::size_t number = connections_.size();
      serving_.emplace_back([this, number, raw = fd.get()] { serve(raw, number); });
      connections_.push_back(std::move(fd));
    }
  }

  void serve(int fd, std::size_t number) {
    std::string unread;
    Received request;
    while (!over_ && receive(fd, unread, request)) {
      request.connection = number;
      Step step;
      {
        const std::scoped_lock lock(mutex_);
        step = steps_[std::min(requests_.size(), steps_.size() - 1)];
        requests_.push_back(request);
      }
      news_.notify_all();
      Answer answer(fd, over_);
      step(request, answer);
      if (answer.closing()) break;
    }
    const std::scoped_lock lock(mutex_);
    connections_[number].reset();
  }

  static bool receive(int fd, std::string& unread, Received& request) {
    std::size_t head_end = 0;
    while ((head_end = unread.find("\r\n\r\n")) == std::string::npos) {
      if (!more(fd, unread)) return false;
    }
    request = parse_head(unread.substr(0, head_end + 2));
    unread.erase(0, head_end + 4);
    const auto length = request.headers.find("content-length");
    const std::size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
    while (unread.size() < size) {
      if (!more(fd, unread)) return false;
    }
    request.body = unread.substr(0, size);
    unread.erase(0, size);
    return true;
  }

  static Received parse_head(std::string_view head) {
    Received request;
    const auto line_end = head.find("\r\n");
    const std::string_view first = head.substr(0, line_end);
    request.method = first.substr(0, first.find(' '));
    request.target = first.substr(first.find(' ') + 1, first.rfind(' ') - first.find(' ') - 1);
    head.remove_prefix(line_end + 2);
    while (!head.empty()) {
      const std::string_view line = head.substr(0, head.find("\r\n"));
      std::string name(line.substr(0, line.find(':')));
      std::ranges::transform(name, name.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      request.headers[name] = line.substr(std::min(line.size(), name.size() + 2));
      head.remove_prefix(line.size() + 2);
    }
    return request;
  }

  static bool more(int fd, std::string& unread) {
    std::string buffer(65536, '\0');
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    unread.append(buffer, 0, static_cast<std::size_t>(got));
    return true;
  }

  const std::vector<Step> steps_;
  UniqueFd listening_;
  int port_ = 0;
  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  mutable std::condition_variable news_;
  std::vector<Received> requests_;
  std::vector<UniqueFd> connections_;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

/// Settings with which nothing is waited for long, and no rate limit holds.
inline ClientSettings quick_settings() {
  return {.qps = 0,
          .connect_timeout = std::chrono::milliseconds(2000),
          .attempt_timeout = std::chrono::milliseconds(2000),
          .operation_timeout = std::chrono::milliseconds(10000),
          .first_backoff = std::chrono::milliseconds(1),
          .max_backoff = std::chrono::milliseconds(5)};
}

/// A client of a server without TLS.
inline std::unique_ptr<Client> client_of(const std::string& url,
                                         ClientSettings settings = quick_settings()) {
  auto client = Client::make({.server = url, .source = "the test"}, std::move(settings));
  if (!client) throw std::runtime_error(client.error().message);
  return *std::move(client);
}

}  // namespace mockdev::kube
