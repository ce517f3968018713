// SPDX-License-Identifier: Apache-2.0
#include "doctor/version.h"

#include <cctype>
#include <charconv>
#include <memory>

#include <fmt/format.h>

namespace mockdev::doctor {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Whether a version may begin after this character: after a blank, a "v" or a ":", not within a
/// word as in "x86".
bool ends_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_' && c != '-';
}

std::optional<std::size_t> begin_of_number(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at])) continue;
    const bool after_v = at > 0 && text[at - 1] == 'v' && (at == 1 || ends_word(text[at - 2]));
    if (at == 0 || after_v || ends_word(text[at - 1])) return at;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Version> find_version(std::string_view text) {
  const auto begin = begin_of_number(text);
  if (!begin) return std::nullopt;
  Version version;
  const char* at = text.data() + *begin;
  const char* const end = std::to_address(text.end());
  for (unsigned* const part : {&version.major, &version.minor, &version.patch}) {
    const auto [rest, error] = std::from_chars(at, end, *part);
    if (error != std::errc{}) return std::nullopt;  // more than a number can hold
    if (rest == end || *rest != '.' || rest + 1 == end || !is_digit(rest[1])) break;
    at = rest + 1;
  }
  return version;
}

std::string to_string(const Version& version) {
  return fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
}

bool is_newer_minor(const Version& version, const Version& than) {
  return version.major > than.major || (version.major == than.major && version.minor > than.minor);
}

}  // namespace mockdev::doctor
