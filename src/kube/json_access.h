// SPDX-License-Identifier: Apache-2.0
// Reading members of JSON objects that may be missing or of another type.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace mockdev::kube {

/// What is below `object` at a path of member names; null if something on the way is missing.
[[nodiscard]] inline const nlohmann::json* member(const nlohmann::json& object,
                                                  std::initializer_list<std::string_view> path) {
  const nlohmann::json* at = &object;
  for (const std::string_view name : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(name);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

/// The text at a path; empty if there is none.
[[nodiscard]] inline std::string text_at(const nlohmann::json& object,
                                         std::initializer_list<std::string_view> path) {
  const nlohmann::json* const found = member(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

/// The whole number at a path; 0 if there is none.
[[nodiscard]] inline std::int64_t number_at(const nlohmann::json& object,
                                            std::initializer_list<std::string_view> path) {
  const nlohmann::json* const found = member(object, path);
  return found != nullptr && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

}  // namespace mockdev::kube
