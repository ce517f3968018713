// SPDX-License-Identifier: Apache-2.0
// Requests and replies of the control socket: one JSON object a line. docs/server.md has the verbs.
//
//   {"verb": "fault", "device": "mock0", "fault": "degraded"}      {"ok": true}
//   {"verb": "dance"}           {"ok": false, "error": "dance: unknown verb; known are fault, ..."}
//
// A request is answered by exactly one reply, in order. Empty lines are ignored.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/units.h"

namespace mockdev::control {

/// Bytes of a request with its newline, at most.
inline constexpr ByteCount kMaxRequest = 64_KiB;
/// Bytes of a reply with its newline, at most: thousands of devices.
inline constexpr ByteCount kMaxReply = 16_MiB;
/// Objects and lists of a request within each other, at most.
inline constexpr int kMaxDepth = 4;

/// The name of the control socket in the server's socket folder.
inline constexpr std::string_view kSocketName = "control.sock";

/// What a verb takes. All values are texts, numbers or booleans.
struct Argument {
  std::string_view name;
  bool required = true;
};

/// One verb. `run` gets an object that has all required arguments and no unknown ones, and gives
/// the members of the reply.
struct Verb {
  std::string_view name;
  std::vector<Argument> arguments;
  std::function<Result<nlohmann::json>(const nlohmann::json& request)> run;
};

/// The reply line, with its newline, to a request line, whatever that holds.
[[nodiscard]] std::string answer(std::string_view line, const std::vector<Verb>& verbs);

/// The reply line of a failure.
[[nodiscard]] std::string refusal(std::string_view message);

}  // namespace mockdev::control
