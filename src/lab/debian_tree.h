// SPDX-License-Identifier: Apache-2.0
// Trees of Debian packages.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mockdev::lab {

/// A tree to be made of Debian 13 packages.
struct TreeSpec {
  std::vector<std::string> packages;
  /// Unpacked only, not configured: enough for programs that are run from outside, and much faster.
  bool only_unpacked = false;
  /// Take the newer versions of Debian's backports.
  bool backports = false;
  /// The Debian suite that a kernel and its headers come from, if it is not trixie.
  std::string kernel_from = {};
  /// Of which packages are, the first is that of names without one. Empty: this computer's own.
  std::vector<std::string> architectures = {};
};

/// Reads a list of packages: one a line, '#' starts a comment.
[[nodiscard]] std::vector<std::string> parse_packages(std::string_view text);

/// parse_packages of a file.
[[nodiscard]] Result<std::vector<std::string>> read_packages(const std::filesystem::path& path);

/// The mmdebstrap command that makes the tree, without documentation and translations, from a
/// mirror.
[[nodiscard]] std::vector<std::string> mmdebstrap(const TreeSpec& spec, const std::string& mirror,
                                                  const std::filesystem::path& tree);

}  // namespace mockdev::lab
