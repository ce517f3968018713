// SPDX-License-Identifier: Apache-2.0
#include "cli/host_name.h"

#include <array>

#include <unistd.h>

namespace mockdev::cli {

std::string host_name() {
  std::array<char, 256> name{};  // the last byte stays zero
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

}  // namespace mockdev::cli
