// SPDX-License-Identifier: Apache-2.0
// The Kubernetes API as an interface: what a program asks of an API server, and what comes back.
// Client (client.h) asks a real one; tests put an object store of their own in its place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace mockdev::kube {

/// Names an object, or a collection if `name` is empty.
struct Resource {
  std::string group = {};  ///< empty: the core group
  std::string version;     ///< "v1"
  std::string plural;      ///< "resourceslices"; the program's own word, goes into paths as it is
  std::string ns = {};  ///< namespace; empty: cluster-scoped, or a collection over all namespaces
  std::string name = {};

  /// The same collection's object of that name.
  [[nodiscard]] Resource named(std::string object_name) const;
  /// The same kind's collection in one namespace.
  [[nodiscard]] Resource in_namespace(std::string namespace_name) const;
  bool operator==(const Resource&) const = default;
};

/// "resourceslices.resource.k8s.io node1-abc", "pods kube-system/dns", "pods in kube-system".
[[nodiscard]] std::string to_string(const Resource& resource);

/// The path of an object or collection: "/apis/resource.k8s.io/v1/resourceslices/node1-abc".
[[nodiscard]] std::string path_of(const Resource& resource);

/// The reasons that callers tell apart. The first group are the API server's own words, the second
/// group this client's, for when there was no reply that says one.
namespace reason {
inline constexpr std::string_view kUnauthorized = "Unauthorized";
inline constexpr std::string_view kForbidden = "Forbidden";
inline constexpr std::string_view kNotFound = "NotFound";
inline constexpr std::string_view kAlreadyExists = "AlreadyExists";
inline constexpr std::string_view kConflict = "Conflict";
inline constexpr std::string_view kExpired = "Expired";  ///< also for what the server calls "Gone"
inline constexpr std::string_view kInvalid = "Invalid";
inline constexpr std::string_view kBadRequest = "BadRequest";
inline constexpr std::string_view kTooManyRequests = "TooManyRequests";
inline constexpr std::string_view kInternalError = "InternalError";
inline constexpr std::string_view kServiceUnavailable = "ServiceUnavailable";

inline constexpr std::string_view kUnreachable =
    "Unreachable";                                           ///< no connection: nothing was done
inline constexpr std::string_view kUntrusted = "Untrusted";  ///< a certificate is not accepted
inline constexpr std::string_view kConnectionLost = "ConnectionLost";  ///< it may have been done
inline constexpr std::string_view kTimeout = "ClientTimeout";          ///< it may have been done
inline constexpr std::string_view kCancelled = "Cancelled";            ///< the stop token's doing
inline constexpr std::string_view kBadReply = "BadReply";  ///< what came is not the API's language
inline constexpr std::string_view kBadCredential = "BadCredential";  ///< a file can't be read
}  // namespace reason

/// Why an operation failed.
struct ApiError {
  int status = 0;      ///< HTTP status; 0: there was no reply
  std::string reason;  ///< one of the above, or another of the API server's
  /// One line for a person that names verb and object and has the server's own words:
  /// `create resourceslices.resource.k8s.io: ... is forbidden: User "x" cannot create resource ...`
  std::string message;
  std::optional<std::chrono::seconds> retry_after = {};  ///< what the server asked for

  [[nodiscard]] bool is(std::string_view what) const { return reason == what; }
};

/// The same as the error type of the rest of the project.
[[nodiscard]] Error to_error(const ApiError& error);

template <typename T>
using ApiResult = std::expected<T, ApiError>;

/// What ends an operation that would go on.
struct CallLimits {
  /// When stop is requested the operation ends at once with reason Cancelled.
  std::stop_token stop = {};
  /// For the operation with all its retries and waiting. Empty: as the client is set.
  std::optional<std::chrono::milliseconds> timeout = {};
};

struct ListOptions {
  std::string label_selector = {};  ///< "app=x,tier!=y"
  std::string field_selector = {};  ///< "spec.driver=x,spec.nodeName=y"
  std::size_t page_size = 500;      ///< objects a request; 0: all at once
  /// Takes from each object what nobody here reads, page by page, so that a large collection is
  /// never whole in memory. May be empty.
  std::function<void(nlohmann::json& object)> trim = {};
};

enum class PatchType : std::uint8_t {
  merge,  ///< RFC 7396
  json,   ///< RFC 6902
  apply,  ///< server-side apply; the object's fields become ours
};

struct PatchOptions {
  PatchType type = PatchType::merge;
  std::string subresource = {};  ///< "status"; empty: the object itself
  bool force = false;            ///< apply only: take fields that others manage
  std::string manager = {};      ///< apply only: who owns the fields; empty: the client itself
};

/// The object is removed only if it still is this one. Empty members are not compared. Otherwise
/// the operation fails with Conflict.
struct Preconditions {
  std::string uid = {};
  std::string resource_version = {};
};

struct WatchOptions {
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};  ///< of the list, or of the last event seen
  /// After about this long the server ends the watch, which is no error.
  std::chrono::seconds timeout{300};
};

struct WatchEvent {
  enum class Type : std::uint8_t { added, modified, deleted, bookmark };

  Type type = Type::added;
  /// The object; of a bookmark only metadata.resourceVersion means something.
  nlohmann::json object;
};

/// Operations on an API server. Every one blocks its caller until it is done, fails or is ended by
/// its limits; any thread may call any of them at any time. Objects are given back as the server
/// has stored them.
class Api {
 public:
  Api() = default;
  virtual ~Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  Api(Api&&) = delete;
  Api& operator=(Api&&) = delete;

  [[nodiscard]] virtual ApiResult<nlohmann::json> get(const Resource& object,
                                                      const CallLimits& limits = {}) = 0;

  /// The whole collection as one list object: "items" (each with apiVersion and kind, which the
  /// server leaves out) and "metadata"/"resourceVersion", from which a watch can go on. Large
  /// collections are fetched page by page.
  [[nodiscard]] virtual ApiResult<nlohmann::json> list(const Resource& collection,
                                                       const ListOptions& options = {},
                                                       const CallLimits& limits = {}) = 0;

  /// `object` may have metadata.generateName instead of a name. Not repeated after a reply was
  /// lost: the object may be there.
  [[nodiscard]] virtual ApiResult<nlohmann::json> create(const Resource& collection,
                                                         const nlohmann::json& object,
                                                         const CallLimits& limits = {}) = 0;

  /// Replaces the object. With metadata.resourceVersion in it, fails with Conflict if somebody was
  /// faster.
  [[nodiscard]] virtual ApiResult<nlohmann::json> update(const Resource& object,
                                                         const nlohmann::json& content,
                                                         const CallLimits& limits = {}) = 0;

  /// As update, of the object's status only.
  [[nodiscard]] virtual ApiResult<nlohmann::json> update_status(const Resource& object,
                                                                const nlohmann::json& content,
                                                                const CallLimits& limits = {}) = 0;

  [[nodiscard]] virtual ApiResult<nlohmann::json> patch(const Resource& object,
                                                        const nlohmann::json& content,
                                                        const PatchOptions& options = {},
                                                        const CallLimits& limits = {}) = 0;

  /// Success when the server has taken the order; finalizers may keep the object for longer.
  [[nodiscard]] virtual ApiResult<void> remove(const Resource& object,
                                               const Preconditions& preconditions = {},
                                               const CallLimits& limits = {}) = 0;

  /// One watch: hands on each event, on the caller's thread, until the server ends the watch
  /// (success) or it fails. reason Expired: the resource version is too old, list again.
  /// limits.timeout does not count here, options.timeout does. Most callers want Watch (watch.h).
  [[nodiscard]] virtual ApiResult<void> watch(const Resource& collection,
                                              const WatchOptions& options,
                                              const std::function<void(WatchEvent&&)>& on_event,
                                              const CallLimits& limits = {}) = 0;

  /// What the server says at a path that is no resource: "/version", "/apis/resource.k8s.io".
  [[nodiscard]] virtual ApiResult<nlohmann::json> get_path(std::string_view path,
                                                           const CallLimits& limits = {}) = 0;

  /// As get_path, of what is no JSON: "/metrics".
  [[nodiscard]] virtual ApiResult<std::string> get_text(std::string_view path,
                                                        const CallLimits& limits = {}) = 0;
};

}  // namespace mockdev::kube
