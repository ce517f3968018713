// SPDX-License-Identifier: Apache-2.0
#include "kube/client.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "kube/http.h"
#include "kube/json_access.h"
#include "kube/lines.h"
#include "kube/pause.h"
#include "kube/status.h"
#include "kube/token_bucket.h"
#include "kube/url.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

constexpr std::string_view kJson = "application/json";

/// One operation as a request.
struct Operation {
  std::string_view verb;         ///< as CallRecord has it
  std::string counted_resource;  ///< as CallRecord has it
  std::string what;              ///< "get pods kube-system/dns"
  HttpRequest request;
};

struct PatchForm {
  PatchType type;
  std::string_view content_type;
};
constexpr auto kPatchForms = std::to_array<PatchForm>({
    {PatchType::merge, "application/merge-patch+json"},
    {PatchType::json, "application/json-patch+json"},
    {PatchType::apply, "application/apply-patch+yaml"},
});

struct EventType {
  std::string_view name;
  WatchEvent::Type type;
};
constexpr auto kEventTypes = std::to_array<EventType>({
    {"ADDED", WatchEvent::Type::added},
    {"MODIFIED", WatchEvent::Type::modified},
    {"DELETED", WatchEvent::Type::deleted},
    {"BOOKMARK", WatchEvent::Type::bookmark},
});

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

ApiError failure(const std::string& what, std::string_view reason, std::string_view text) {
  return {.status = 0, .reason = std::string(reason), .message = fmt::format("{}: {}", what, text)};
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

/// Whether an operation that ended so may be done again: client.h has the table.
bool may_repeat(const Operation& operation, const ApiError& error) {
  const bool reads = operation.request.method == "GET";
  if (error.status == 0) {
    return error.is(reason::kUnreachable) ||
           (reads && (error.is(reason::kConnectionLost) || error.is(reason::kTimeout)));
  }
  if (error.status == 429) return true;
  if (error.status == 503 && error.retry_after) return true;
  return reads && error.status >= 500;
}

/// A list leaves apiVersion and kind of its items out, since they are all the same.
void name_items(json& list) {
  const std::string version = text_at(list, {"apiVersion"});
  std::string kind = text_at(list, {"kind"});
  if (kind.ends_with("List")) kind.resize(kind.size() - 4);
  for (json& item : list["items"]) {
    if (!item.is_object()) continue;
    item.emplace("apiVersion", version);
    item.emplace("kind", kind);
  }
}

/// The reply to an operation that gives an object.
ApiResult<json> parse_object(const std::string& what, const std::string& body) {
  json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (object.is_object()) return object;
  return std::unexpected(
      failure(what, reason::kBadReply, "the server's reply is not a JSON object"));
}

}  // namespace

class Client::Implementation {
 public:
  Implementation(std::unique_ptr<Http> http, ClientSettings settings)
      : http_(std::move(http)),
        settings_(std::move(settings)),
        limit_(settings_.qps, settings_.burst) {}

  [[nodiscard]] const Config& config() const { return http_->config(); }

  ApiResult<json> get(const Resource& object, const CallLimits& limits) {
    return object_of(make("get", "GET", object, path_of(object)), limits);
  }

  ApiResult<json> get_path(std::string_view path, const CallLimits& limits) {
    return object_of(get_of(path), limits);
  }

  ApiResult<std::string> get_text(std::string_view path, const CallLimits& limits) {
    auto reply = perform(get_of(path), limits);
    if (!reply) return std::unexpected(std::move(reply).error());
    return std::move(reply->body);
  }

  ApiResult<json> list(const Resource& collection, const ListOptions& options,
                       const CallLimits& limits) {
    auto whole = pages(collection, options, limits);
    if (!whole && whole.error().is(reason::kExpired) && options.page_size != 0) {
      // The pages' common snapshot was thrown away between two of them.
      ListOptions at_once = options;
      at_once.page_size = 0;
      whole = pages(collection, at_once, limits);
    }
    if (whole) name_items(*whole);
    return whole;
  }

  ApiResult<json> create(const Resource& collection, const json& object, const CallLimits& limits) {
    Resource parent = collection;
    parent.name.clear();
    auto operation = make("create", "POST", parent, path_of(parent));
    const std::string name = text_at(object, {"metadata", "name"});
    if (!name.empty()) operation.what = "create " + to_string(parent.named(name));
    operation.request.new_connection = name.empty();
    set_body(operation, kJson, object);
    return object_of(operation, limits);
  }

  ApiResult<json> update(const Resource& object, std::string_view subresource, const json& content,
                         const CallLimits& limits) {
    auto operation = make("update", "PUT", object, path_of(object), subresource);
    set_body(operation, kJson, content);
    return object_of(operation, limits);
  }

  ApiResult<json> patch(const Resource& object, const json& content, const PatchOptions& options,
                        const CallLimits& limits) {
    auto operation = make("patch", "PATCH", object, path_of(object), options.subresource);
    Query query;
    if (options.type == PatchType::apply) {
      query.add("fieldManager", options.manager.empty() ? settings_.user_agent : options.manager)
          .add("force", options.force ? "true" : "");
    }
    operation.request.target += query.text();
    const auto* const form = std::ranges::find(kPatchForms, options.type, &PatchForm::type);
    set_body(operation, form->content_type, content);
    return object_of(operation, limits);
  }

  ApiResult<void> remove(const Resource& object, const Preconditions& preconditions,
                         const CallLimits& limits) {
    auto operation = make("delete", "DELETE", object, path_of(object));
    json conditions = json::object();
    if (!preconditions.uid.empty()) conditions["uid"] = preconditions.uid;
    if (!preconditions.resource_version.empty()) {
      conditions["resourceVersion"] = preconditions.resource_version;
    }
    if (!conditions.empty()) {
      set_body(operation, kJson,
               {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", conditions}});
    }
    auto reply = perform(operation, limits);
    if (!reply) return std::unexpected(std::move(reply).error());
    return {};
  }

  ApiResult<void> watch(const Resource& collection, const WatchOptions& options,
                        const std::function<void(WatchEvent&&)>& on_event,
                        const CallLimits& limits) {
    Query query;
    query.add("watch", "true")
        .add("allowWatchBookmarks", "true")
        .add("timeoutSeconds", fmt::format("{}", options.timeout.count()))
        .add("resourceVersion", options.resource_version)
        .add("labelSelector", options.label_selector)
        .add("fieldSelector", options.field_selector);
    auto operation = make("watch", "GET", collection, path_of(collection));
    operation.request.target += query.text();
    operation.request.head_timeout = settings_.attempt_timeout;
    operation.request.silence = settings_.watch_silence;
    // The server ends it before that, unless it is broken.
    operation.request.timeout = options.timeout + settings_.attempt_timeout;

    std::optional<ApiError> error;
    LineSplitter lines;
    const auto on_line = [&](std::string_view line) {
      auto event = parse_event(operation.what, line);
      if (!event) {
        error = std::move(event).error();
        return false;
      }
      on_event(*std::move(event));
      return !limits.stop.stop_requested();
    };
    operation.request.on_body = [&](std::string_view piece) {
      const auto outcome = lines.add(piece, on_line);
      if (outcome == LineSplitter::Result::too_long) {
        error = failure(operation.what, reason::kBadReply,
                        fmt::format("an event is longer than the {} that are read", kMaxLine));
      }
      return outcome == LineSplitter::Result::more;
    };
    auto reply = in_turn(operation, limits.stop, Clock::time_point::max());
    if (limits.stop.stop_requested()) return std::unexpected(cancelled(operation));
    if (error) return std::unexpected(*std::move(error));
    if (!reply) return std::unexpected(std::move(reply).error());
    if (lines.is_within_line()) {
      return std::unexpected(
          failure(operation.what, reason::kConnectionLost, "the last event is cut off"));
    }
    return {};
  }

 private:
  static Operation make(std::string_view verb, std::string_view method, const Resource& resource,
                        std::string path, std::string_view subresource = {}) {
    Operation operation{.verb = verb,
                        .counted_resource = resource.plural,
                        .what = fmt::format("{} {}", verb, to_string(resource)),
                        .request = {.method = std::string(method), .target = std::move(path)}};
    if (!subresource.empty()) {
      operation.counted_resource += fmt::format("/{}", subresource);
      operation.request.target += fmt::format("/{}", escaped(subresource));
      operation.what += fmt::format(" ({})", subresource);
    }
    return operation;
  }

  static Operation get_of(std::string_view path) {
    return {.verb = "get",
            .counted_resource = {},
            .what = fmt::format("get {}", path),
            .request = {.method = "GET", .target = std::string(path)}};
  }

  static void set_body(Operation& operation, std::string_view type, const json& content) {
    operation.request.content_type = type;
    operation.request.body = text_of(content);
  }

  static ApiError cancelled(const Operation& operation) {
    return failure(operation.what, reason::kCancelled, "ended because this program stops");
  }

  static ApiResult<WatchEvent> parse_event(const std::string& what, std::string_view line) {
    json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
    const std::string type = text_at(event, {"type"});
    const json* const object = member(event, {"object"});
    if (object != nullptr && type == "ERROR")
      return std::unexpected(error_of_status(what, *object));
    const auto* const known = std::ranges::find(kEventTypes, type, &EventType::name);
    if (object == nullptr || !object->is_object() || known == kEventTypes.end()) {
      return std::unexpected(failure(what, reason::kBadReply, "what came is not a watch event"));
    }
    return WatchEvent{.type = known->type, .object = std::move(event["object"])};
  }

  ApiResult<json> pages(const Resource& collection, const ListOptions& options,
                        const CallLimits& limits) {
    json whole;
    std::string next;
    do {
      Query query;
      query.add("limit", options.page_size == 0 ? "" : fmt::format("{}", options.page_size))
          .add("continue", next)
          .add("labelSelector", options.label_selector)
          .add("fieldSelector", options.field_selector);
      auto operation = make("list", "GET", collection, path_of(collection));
      operation.request.target += query.text();
      auto page = object_of(operation, limits);
      if (!page) return page;
      // What 1.31 calls the metadata of a list of ResourceSlices.
      if (const auto alias = page->find("listMeta"); alias != page->end()) {
        (*page)["metadata"] = json(*alias);
      }
      if (!(*page)["items"].is_array()) (*page)["items"] = json::array();  // Go's nil is null
      if (options.trim) std::ranges::for_each((*page)["items"], options.trim);
      next = text_at(*page, {"metadata", "continue"});
      if (whole.is_null()) {
        whole = *std::move(page);
      } else {
        std::ranges::move((*page)["items"], std::back_inserter(whole["items"]));
      }
    } while (!next.empty());
    if (json& metadata = whole["metadata"]; metadata.is_object()) {
      metadata.erase("continue");
      metadata.erase("remainingItemCount");
    }
    return whole;
  }

  ApiResult<json> object_of(const Operation& operation, const CallLimits& limits) {
    auto reply = perform(operation, limits);
    if (!reply) return std::unexpected(std::move(reply).error());
    return parse_object(operation.what, reply->body);
  }

  /// An operation with its retries.
  ApiResult<HttpReply> perform(const Operation& operation, const CallLimits& limits) {
    const auto deadline = Clock::now() + limits.timeout.value_or(settings_.operation_timeout);
    Backoff backoff(settings_.first_backoff, settings_.max_backoff);
    for (int attempt = 1;; ++attempt) {
      auto reply = in_turn(operation, limits.stop, deadline);
      if (reply) return reply;
      const ApiError& error = reply.error();
      if (attempt >= settings_.attempts || !may_repeat(operation, error)) return reply;
      nanoseconds pause = backoff.next();
      if (error.retry_after) pause += *error.retry_after;
      if (Clock::now() + pause >= deadline) return reply;
      if (!pause_for(pause, limits.stop)) return std::unexpected(cancelled(operation));
    }
  }

  /// One attempt, when the rate limit lets it.
  ApiResult<HttpReply> in_turn(const Operation& operation, const std::stop_token& stop,
                               Clock::time_point deadline) {
    const bool endless = deadline == Clock::time_point::max();
    const auto wait = endless ? limit_.take() : limit_.take(deadline - Clock::now());
    if (!wait) {
      return std::unexpected(failure(operation.what, reason::kTimeout,
                                     "the client's own rate limit leaves it no time"));
    }
    if (stop.stop_requested() || (wait->count() > 0 && !pause_for(*wait, stop))) {
      return std::unexpected(cancelled(operation));
    }
    HttpRequest request = operation.request;
    if (!endless) {
      const nanoseconds left = deadline - Clock::now();
      request.timeout = std::clamp<nanoseconds>(left, nanoseconds(1), settings_.attempt_timeout);
    }
    return attempt(operation, request, stop);
  }

  ApiResult<HttpReply> attempt(const Operation& operation, const HttpRequest& request,
                               const std::stop_token& stop) {
    const auto begun = Clock::now();
    auto reply = http_->send(request, stop);
    if (!reply && reply.error().reason == reason::kCancelled) {
      return std::unexpected(cancelled(operation));
    }
    if (settings_.on_call) {
      const bool watched = operation.verb == "watch" && reply;
      settings_.on_call({.verb = operation.verb,
                         .resource = operation.counted_resource,
                         .code = reply ? reply->status : 0,
                         .duration = watched ? reply->first_byte : Clock::now() - begun});
    }
    if (!reply) {
      return std::unexpected(failure(operation.what, reply.error().reason, reply.error().message));
    }
    if (is_success(reply->status)) return *std::move(reply);
    auto error = error_of_reply(operation.what, reply->status, reply->body, reply->retry_after);
    if (error.status == 401) {
      error.message += fmt::format(" (the server does not accept the credentials of {})",
                                   http_->config().source);
    }
    return std::unexpected(std::move(error));
  }

  const std::unique_ptr<Http> http_;
  const ClientSettings settings_;
  TokenBucket limit_;
};

Client::Client(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::make(Config config, ClientSettings settings) {
  auto http = Http::make(std::move(config), settings.user_agent, settings.connect_timeout);
  if (!http) return std::unexpected(std::move(http).error());
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Implementation>(*std::move(http), std::move(settings))));
}

const Config& Client::config() const {
  return implementation_->config();
}

ApiResult<json> Client::get(const Resource& object, const CallLimits& limits) {
  return implementation_->get(object, limits);
}

ApiResult<json> Client::list(const Resource& collection, const ListOptions& options,
                             const CallLimits& limits) {
  return implementation_->list(collection, options, limits);
}

ApiResult<json> Client::create(const Resource& collection, const json& object,
                               const CallLimits& limits) {
  return implementation_->create(collection, object, limits);
}

ApiResult<json> Client::update(const Resource& object, const json& content,
                               const CallLimits& limits) {
  return implementation_->update(object, {}, content, limits);
}

ApiResult<json> Client::update_status(const Resource& object, const json& content,
                                      const CallLimits& limits) {
  return implementation_->update(object, "status", content, limits);
}

ApiResult<json> Client::patch(const Resource& object, const json& content,
                              const PatchOptions& options, const CallLimits& limits) {
  return implementation_->patch(object, content, options, limits);
}

ApiResult<void> Client::remove(const Resource& object, const Preconditions& preconditions,
                               const CallLimits& limits) {
  return implementation_->remove(object, preconditions, limits);
}

ApiResult<void> Client::watch(const Resource& collection, const WatchOptions& options,
                              const std::function<void(WatchEvent&&)>& on_event,
                              const CallLimits& limits) {
  return implementation_->watch(collection, options, on_event, limits);
}

ApiResult<json> Client::get_path(std::string_view path, const CallLimits& limits) {
  return implementation_->get_path(path, limits);
}

ApiResult<std::string> Client::get_text(std::string_view path, const CallLimits& limits) {
  return implementation_->get_text(path, limits);
}

}  // namespace mockdev::kube
