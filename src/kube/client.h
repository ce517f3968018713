// SPDX-License-Identifier: Apache-2.0
// The API over HTTP: connections, TLS, timeouts, rate limit and retries.
//
// What is tried again, with growing pauses, until the operation's time or attempts are over:
//
//   no connection                     every operation: nothing has been sent
//   connection lost, attempt too slow  get and list
//   429, and 503 with Retry-After      every operation: the server has not begun with it
//   other 5xx                          get and list
//
// Nothing else is. A watch is a single attempt; Watch (watch.h) begins anew by itself.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kube/api.h"
#include "kube/config.h"

namespace mockdev::kube {

/// One request that was answered or failed, for those who count. Texts live during the call only.
struct CallRecord {
  /// "get", "list", "create", "update", "patch", "delete", "watch"; "get" also for paths.
  std::string_view verb;
  std::string_view resource;          ///< plural, "resourceclaims/status", or "" for paths
  int code = 0;                       ///< HTTP status; 0: no reply
  std::chrono::nanoseconds duration;  ///< of a watch: until its answer began
};

struct ClientSettings {
  /// User-Agent, and the manager that the server notes for the fields we write.
  std::string user_agent = "mock-device";
  /// Requests a second in the long run; 0: no limit.
  double qps = 20;
  /// Requests that may be made at once after a quiet time. At least 1.
  int burst = 40;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds attempt_timeout{15000};    ///< for one request and its reply
  std::chrono::milliseconds operation_timeout{30000};  ///< with waiting and retries
  int attempts = 6;
  std::chrono::milliseconds first_backoff{100};  ///< doubles with each attempt
  std::chrono::milliseconds max_backoff{5000};
  /// A watch that is silent for longer ends, as if its time were over, so that a server that hangs
  /// is found out. Bookmarks come about every minute, but not if nothing happens at all.
  std::chrono::milliseconds watch_silence{180000};
  /// Called after each request, retries included, on the thread of the operation. Must be
  /// thread-safe, quick and not throw. May be empty.
  std::function<void(const CallRecord&)> on_call = {};
};

/// An API server behind HTTP/1.1, with connections that are kept for the next request. All
/// operations must have ended before it is destroyed.
class Client final : public Api {
 public:
  /// Does not connect yet. Fails if the configuration makes no sense or its files can't be read.
  [[nodiscard]] static Result<std::unique_ptr<Client>> make(Config config,
                                                            ClientSettings settings = {});
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client(Client&&) = delete;
  Client& operator=(Client&&) = delete;

  [[nodiscard]] const Config& config() const;

  [[nodiscard]] ApiResult<nlohmann::json> get(const Resource& object,
                                              const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<nlohmann::json> list(const Resource& collection,
                                               const ListOptions& options = {},
                                               const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<nlohmann::json> create(const Resource& collection,
                                                 const nlohmann::json& object,
                                                 const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<nlohmann::json> update(const Resource& object,
                                                 const nlohmann::json& content,
                                                 const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<nlohmann::json> update_status(const Resource& object,
                                                        const nlohmann::json& content,
                                                        const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<nlohmann::json> patch(const Resource& object,
                                                const nlohmann::json& content,
                                                const PatchOptions& options = {},
                                                const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<void> remove(const Resource& object,
                                       const Preconditions& preconditions = {},
                                       const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<void> watch(const Resource& collection, const WatchOptions& options,
                                      const std::function<void(WatchEvent&&)>& on_event,
                                      const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<nlohmann::json> get_path(std::string_view path,
                                                   const CallLimits& limits = {}) override;
  [[nodiscard]] ApiResult<std::string> get_text(std::string_view path,
                                                const CallLimits& limits = {}) override;

 private:
  class Implementation;
  explicit Client(std::unique_ptr<Implementation> implementation);

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::kube
