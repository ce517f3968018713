// SPDX-License-Identifier: Apache-2.0
#include "control/protocol.h"

#include <algorithm>

#include <fmt/format.h>

namespace mockdev::control {
namespace {

using nlohmann::json;

std::string line_of(const json& reply) {
  return reply.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

Result<json> parse_request(std::string_view line) {
  bool too_deep = false;
  const auto bound_depth = [&](int depth, json::parse_event_t /*event*/, json& /*parsed*/) {
    too_deep |= depth > kMaxDepth;
    return !too_deep;
  };
  json request = json::parse(line, bound_depth, /*allow_exceptions=*/false);
  if (too_deep) return fail("request is nested over {} deep", kMaxDepth);
  if (!request.is_object()) return fail("request is not a JSON object");
  return request;
}

Result<void> check_arguments(const json& request, const Verb& verb) {
  for (const Argument& argument : verb.arguments) {
    if (argument.required && !request.contains(argument.name)) {
      return fail("{}: {}: missing", verb.name, argument.name);
    }
  }
  for (const auto& [key, value] : request.items()) {
    if (key == "verb") continue;
    if (std::ranges::find(verb.arguments, key, &Argument::name) == verb.arguments.end()) {
      return fail("{}: {}: unknown argument", verb.name, key);
    }
    if (!value.is_string() && !value.is_number() && !value.is_boolean()) {
      return fail("{}: {}: has to be a text, a number or true or false", verb.name, key);
    }
  }
  return {};
}

Result<const Verb*> find_verb(const json& request, const std::vector<Verb>& verbs) {
  const auto name = request.find("verb");
  if (name == request.end()) return fail("verb: missing");
  if (!name->is_string()) return fail("verb: has to be a text");
  const auto verb = std::ranges::find(verbs, name->get_ref<const std::string&>(), &Verb::name);
  if (verb != verbs.end()) return &*verb;
  std::vector<std::string_view> known(verbs.size());
  std::ranges::transform(verbs, known.begin(), &Verb::name);
  return fail("{}: unknown verb; known are {}", name->get_ref<const std::string&>(),
              fmt::join(known, ", "));
}

Result<json> run(std::string_view line, const std::vector<Verb>& verbs) {
  const Result<json> request = parse_request(line);
  if (!request) return request;
  const Result<const Verb*> verb = find_verb(*request, verbs);
  if (!verb) return std::unexpected(verb.error());
  if (auto checked = check_arguments(*request, **verb); !checked) {
    return std::unexpected(checked.error());
  }
  return (*verb)->run(*request);
}

}  // namespace

std::string answer(std::string_view line, const std::vector<Verb>& verbs) {
  Result<json> reply = run(line, verbs);
  if (!reply) return refusal(reply.error().message);
  json whole = {{"ok", true}};
  whole.update(*reply);
  return line_of(whole);
}

std::string refusal(std::string_view message) {
  return line_of({{"ok", false}, {"error", message}});
}

}  // namespace mockdev::control
