// SPDX-License-Identifier: Apache-2.0
#include "lab/mirror.h"

#include <cstdlib>
#include <ranges>
#include <sstream>

#include "base/process.h"
#include "lab/tools.h"

namespace mockdev::lab {

std::string pick_mirror(std::string_view index_targets) {
  std::istringstream lines{std::string(index_targets)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string site;
    std::string label;
    // Debian's security archive has the label Debian-Security and lacks what the guest needs.
    if (words >> site >> label && label == "Debian") return site;
  }
  return {};
}

Result<std::string> debian_mirror() {
  if (const char* const named = std::getenv("MOCK_DEVICE_MIRROR");
      named != nullptr && *named != 0) {
    return named;
  }
  constexpr std::string_view kHow =
      "set MOCK_DEVICE_MIRROR to the URL of a Debian mirror that has trixie and trixie-backports";
  if (find_program("apt-get").empty()) {
    return fail("this computer has no apt to take a Debian mirror from; {}", kHow);
  }
  const auto targets =
      run_checked({.argv = {"apt-get", "indextargets", "--format", "$(SITE) $(LABEL) $(RELEASE)"}});
  if (!targets) return std::unexpected(targets.error());
  std::string mirror = pick_mirror(*targets);
  if (mirror.empty()) {
    return fail("no Debian mirror in this computer's apt lists (apt-get update?); or {}", kHow);
  }
  return mirror;
}

}  // namespace mockdev::lab
