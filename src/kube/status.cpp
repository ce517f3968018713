// SPDX-License-Identifier: Apache-2.0
#include "kube/status.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kube/json_access.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;

/// Bytes of a reply that is no Status which a message repeats.
constexpr std::size_t kShownLength = 200;

struct StatusMeaning {
  int status;
  std::string_view reason;
};
/// What an HTTP status means when nothing more was said.
constexpr auto kStatuses = std::to_array<StatusMeaning>({
    {400, reason::kBadRequest},
    {401, reason::kUnauthorized},
    {403, reason::kForbidden},
    {404, reason::kNotFound},
    {409, reason::kConflict},
    {410, reason::kExpired},
    {422, reason::kInvalid},
    {429, reason::kTooManyRequests},
    {500, reason::kInternalError},
    {503, reason::kServiceUnavailable},
});

std::string_view reason_of(int status, std::string_view said) {
  if (status == 410) return reason::kExpired;
  if (!said.empty()) return said;
  const auto* const found = std::ranges::find(kStatuses, status, &StatusMeaning::status);
  return found == kStatuses.end() ? "Unknown" : found->reason;
}

/// `text` on one line.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = static_cast<unsigned char>(c) <= ' ';
    if (!space) line += c;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

ApiError make(const std::string& what, int status, std::string_view said_reason,
              std::string_view said, std::optional<std::chrono::seconds> retry_after) {
  std::string message = fmt::format("{}: {}", what, one_line(said));
  if (said.empty()) message += fmt::format("HTTP status {}", status);
  return {.status = status,
          .reason = std::string(reason_of(status, said_reason)),
          .message = std::move(message),
          .retry_after = retry_after};
}

std::optional<std::chrono::seconds> retry_after_of(const json& status) {
  const auto seconds = number_at(status, {"details", "retryAfterSeconds"});
  if (seconds <= 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace

ApiError error_of_reply(const std::string& what, int http_status, std::string_view body,
                        std::optional<std::chrono::seconds> retry_after) {
  const json status = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (text_at(status, {"kind"}) == "Status") {
    return make(what, http_status, text_at(status, {"reason"}), text_at(status, {"message"}),
                retry_after ? retry_after : retry_after_of(status));
  }
  return make(what, http_status, {}, body.substr(0, kShownLength), retry_after);
}

ApiError error_of_status(const std::string& what, const json& status) {
  const auto code = static_cast<int>(number_at(status, {"code"}));
  return make(what, code == 0 ? 500 : code, text_at(status, {"reason"}),
              text_at(status, {"message"}), retry_after_of(status));
}

}  // namespace mockdev::kube
