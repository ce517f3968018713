// SPDX-License-Identifier: Apache-2.0
#include "lab/tools.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/ranges.h>
#include <unistd.h>

#include "lab/words.h"

namespace mockdev::lab {
namespace {

struct Tool {
  std::string_view program;
  std::string_view package;
};

constexpr std::array kTools{
    Tool{.program = "apt-get", .package = "apt"},
    Tool{.program = "mke2fs", .package = "e2fsprogs"},
    Tool{.program = "mmdebstrap", .package = "mmdebstrap"},
    Tool{.program = "newuidmap", .package = "uidmap"},
    Tool{.program = "openssl", .package = "openssl"},
    Tool{.program = "ssh", .package = "openssh-client"},
    Tool{.program = "ssh-keygen", .package = "openssh-client"},
    Tool{.program = "unshare", .package = "util-linux"},
};

std::string_view package_of(std::string_view program) {
  const auto* const tool = std::ranges::find(kTools, program, &Tool::program);
  return tool != kTools.end() ? tool->package : program;
}

// --kill-child: what is started dies when unshare does, which dies with this process.
const Words kNewNamespaces = {"unshare", "--mount", "--pid", "--fork", "--kill-child"};

/// In a chroot, `/` is no mount point and its propagation can't be changed.
const Words kInChroot = {"--propagation", "unchanged"};
const Words kAsUser = {"--user", "--map-root-user", "--map-auto"};

Result<std::string> try_out(const Words& prefix) {
  return run_checked({.argv = prefix + Words{"true"}});
}

}  // namespace

Result<void> require_tools(std::initializer_list<std::string_view> programs) {
  std::vector<std::string_view> missing;
  std::set<std::string_view> packages;
  for (const std::string_view program : programs) {
    if (!find_program(program).empty()) continue;
    missing.push_back(program);
    packages.insert(package_of(program));
  }
  if (missing.empty()) return {};
  return fail("not installed: {}; on Debian: apt install {}", fmt::join(missing, ", "),
              fmt::join(packages, " "));
}

Result<Builder> Builder::find() {
  if (auto there = require_tools({"unshare"}); !there) return std::unexpected(there.error());
  const bool is_root = ::geteuid() == 0;
  if (!is_root) {
    if (auto there = require_tools({"newuidmap"}); !there) return std::unexpected(there.error());
  }
  const Words base = is_root ? kNewNamespaces : kNewNamespaces + kAsUser;
  Error reason;
  for (const Words& prefix : {base, base + kInChroot}) {
    const auto tried = try_out(prefix);
    if (tried) return Builder(prefix);
    reason = tried.error();
  }
  // root in a container may be without namespaces, but can build.
  if (is_root) return plain();
  return fail(
      "this computer does not let an ordinary user build a guest ({}); it takes a range for the "
      "user in /etc/subuid and /etc/subgid and a kernel that allows user namespaces (sysctl "
      "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); or run "
      "this as root",
      reason.message);
}

Command Builder::command(std::vector<std::string> argv) const {
  // unshare looks along PATH only, where an ordinary user has no /usr/sbin.
  if (const auto program = find_program(argv.front()); !program.empty()) argv.front() = program;
  return {.argv = prefix_ + argv};
}

}  // namespace mockdev::lab
