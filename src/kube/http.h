// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 requests to one server over connections that are kept. Knows nothing of Kubernetes'
// objects; the curl library stays behind this header.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "kube/config.h"

namespace mockdev::kube {

/// Bytes of a reply's body, at most, unless it is handed on as it comes.
inline constexpr ByteCount kMaxBody = 256_MiB;

struct HttpRequest {
  std::string method;             ///< "GET"
  std::string target;             ///< path and query below the server's address
  std::string content_type = {};  ///< of the body
  std::string body = {};
  /// Not on a connection that was kept: if it turns out to have been closed, the library sends the
  /// request a second time, though the server may have got the first.
  bool new_connection = false;
  /// For everything from the credentials to the last byte; 0: no limit.
  std::chrono::nanoseconds timeout{};
  /// Until the answer begins; 0: no limit.
  std::chrono::nanoseconds head_timeout{};
  /// A body that is handed on ends, which is no failure, when no byte has come for this long; 0: no
  /// limit.
  std::chrono::nanoseconds silence{};
  /// Gets the body of a 200 as it comes, piece by piece, on the caller's thread. False ends the
  /// request, which then is no failure. Empty: the body is collected.
  std::function<bool(std::string_view piece)> on_body = {};
};

struct HttpReply {
  int status = 0;
  std::optional<std::chrono::seconds> retry_after = {};
  std::string body = {};                  ///< empty if it was handed on
  std::chrono::nanoseconds first_byte{};  ///< how long the server took to begin its answer
};

/// Why there was no complete reply. `reason` is one of kube::reason's second group.
struct HttpFailure {
  std::string_view reason;
  std::string message;
};

/// Any number of threads send at a time, each on a connection of its own.
class Http {
 public:
  /// Reads the credentials once, to tell what is wrong with them; a program that fetches them has
  /// kLongestLogin for that.
  [[nodiscard]] static Result<std::unique_ptr<Http>> make(
      Config config, std::string user_agent, std::chrono::milliseconds connect_timeout);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  Http(Http&&) = delete;
  Http& operator=(Http&&) = delete;

  [[nodiscard]] const Config& config() const;

  /// One attempt. Returns at once when stop is requested.
  [[nodiscard]] std::expected<HttpReply, HttpFailure> send(const HttpRequest& request,
                                                           const std::stop_token& stop);

 private:
  class Implementation;
  explicit Http(std::unique_ptr<Implementation> implementation);

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::kube
