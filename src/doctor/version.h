// SPDX-License-Identifier: Apache-2.0
// Version numbers as programs, kernels and packages write them.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace mockdev::doctor {

struct Version {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;

  auto operator<=>(const Version&) const = default;
};

/// The first version number in a text: 1.7.24 of "containerd github.com/x 1.7.24~ds1", 6.12.117 of
/// "6.12.117+deb13-amd64", 1.36.3 of "v1.36.3". Missing parts are 0. None: the text has no digit at
/// the beginning of a word.
[[nodiscard]] std::optional<Version> find_version(std::string_view text);

/// "1.7.24".
[[nodiscard]] std::string to_string(const Version& version);

/// The same as far as minor versions go: 6.12.117 is no newer than 6.12.
[[nodiscard]] bool is_newer_minor(const Version& version, const Version& than);

}  // namespace mockdev::doctor
