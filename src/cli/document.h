// SPDX-License-Identifier: Apache-2.0
// Results for programs.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace mockdev::cli {

/// A value whose members stay in the order in which they were added.
using Document = nlohmann::ordered_json;

/// JSON, indented, ended by a newline. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string to_json_text(const Document& document);

/// The same value as YAML 1.2, ended by a newline. Strings that YAML would read as something else
/// ("1.0", "no", "") are quoted.
[[nodiscard]] std::string to_yaml_text(const Document& document);

}  // namespace mockdev::cli
