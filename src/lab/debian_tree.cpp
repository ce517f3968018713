// SPDX-License-Identifier: Apache-2.0
#include "lab/debian_tree.h"

#include <array>
#include <sstream>

#include <fmt/ranges.h>

#include "base/file.h"

namespace mockdev::lab {
namespace {

constexpr std::array kNotUnpacked = {
    "/usr/share/bash-completion/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    // Would make an initial RAM disk with drivers for everything, which the lab's own replaces.
    "/etc/kernel/postinst.d/initramfs-tools",
};

/// Only the packages that lists name, and the scripts for all kernels: the rest is taken in their
/// very version. NAME/SUITE would take the C library from there, too.
std::string prefer_kernel_from(std::string_view suite) {
  return fmt::format(
      R"(--setup-hook=printf "%s\n" )"
      R"("Package: linux-image-amd64 linux-headers-amd64 linux-base" )"
      R"("Pin: release n={}" "Pin-Priority: 990" >"$1/etc/apt/preferences.d/kernel")",
      suite);
}

}  // namespace

std::vector<std::string> parse_packages(std::string_view text) {
  std::vector<std::string> packages;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) packages.push_back(word);
  }
  return packages;
}

Result<std::vector<std::string>> read_packages(const std::filesystem::path& path) {
  const auto text = read_file(path, 64_KiB);
  if (!text) return std::unexpected(text.error());
  return parse_packages(*text);
}

std::vector<std::string> mmdebstrap(const TreeSpec& spec, const std::string& mirror,
                                    const std::filesystem::path& tree) {
  std::vector<std::string> command = {
      "mmdebstrap",
      // Not mmdebstrap's own user namespace: the tree is worked on afterwards in the lab's.
      "--mode=root",
      "--format=directory",
      spec.only_unpacked ? "--variant=extract" : "--variant=essential",
      fmt::format("--include={}", fmt::join(spec.packages, ",")),
      "--aptopt=APT::Install-Recommends \"false\"",
  };
  if (!spec.architectures.empty()) {
    command.push_back(fmt::format("--architectures={}", fmt::join(spec.architectures, ",")));
  }
  for (const char* path : kNotUnpacked) {
    command.push_back(fmt::format("--dpkgopt=path-exclude={}", path));
  }
  if (spec.backports) command.emplace_back("--aptopt=APT::Default-Release \"trixie-backports\"");
  if (!spec.kernel_from.empty()) command.push_back(prefer_kernel_from(spec.kernel_from));
  command.insert(command.end(), {"trixie", tree, fmt::format("deb {} trixie main", mirror)});
  if (spec.backports) command.push_back(fmt::format("deb {} trixie-backports main", mirror));
  if (!spec.kernel_from.empty()) {
    command.push_back(fmt::format("deb {} {} main", mirror, spec.kernel_from));
  }
  return command;
}

}  // namespace mockdev::lab
