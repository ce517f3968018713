// SPDX-License-Identifier: Apache-2.0
#include "cli/document.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

namespace mockdev::cli {
namespace {

/// Words that some YAML reader, old ones included, takes for a boolean or for nothing.
constexpr std::array<std::string_view, 9> kNotStrings = {"true", "false", "yes", "no", "on",
                                                         "off",  "null",  "y",   "n"};

/// Whether every YAML reader takes the bare text for a string.
bool is_plain_string(std::string_view text) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto is_harmless = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (text.empty() || !is_letter(text.front())) return false;
  if (!std::ranges::all_of(text, is_harmless)) return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kNotStrings, lower) == kNotStrings.end();
}

void emit(YAML::Emitter& out, const Document& value);

void emit_object(YAML::Emitter& out, const Document& object) {
  out << YAML::BeginMap;
  for (const auto& [key, member] : object.items()) {
    out << YAML::Key << key << YAML::Value;
    emit(out, member);
  }
  out << YAML::EndMap;
}

void emit_array(YAML::Emitter& out, const Document& array) {
  const auto is_scalar = [](const Document& element) { return !element.is_structured(); };
  if (std::ranges::all_of(array, is_scalar)) out << YAML::Flow;
  out << YAML::BeginSeq;
  for (const Document& element : array) emit(out, element);
  out << YAML::EndSeq;
}

void emit_string(YAML::Emitter& out, const std::string& text) {
  if (!is_plain_string(text)) out << YAML::DoubleQuoted;
  out << text;
}

void emit(YAML::Emitter& out, const Document& value) {
  if (value.is_object()) {
    emit_object(out, value);
  } else if (value.is_array()) {
    emit_array(out, value);
  } else if (value.is_string()) {
    emit_string(out, value.get_ref<const std::string&>());
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();  // numbers and booleans are spelled as in JSON
  }
}

}  // namespace

std::string to_json_text(const Document& document) {
  constexpr int kIndent = 2;
  return document.dump(kIndent, ' ', false, Document::error_handler_t::replace) + "\n";
}

std::string to_yaml_text(const Document& document) {
  YAML::Emitter out;
  emit(out, document);
  return std::string(out.c_str()) + "\n";
}

}  // namespace mockdev::cli
