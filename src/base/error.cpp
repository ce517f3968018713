// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <system_error>

namespace mockdev {

std::unexpected<Error> fail_errno(const std::string& what, int errno_value) {
  return fail("{}: {}", what, std::generic_category().message(errno_value));
}

std::unexpected<Error> with_context(const std::string& context, const Error& error) {
  return fail("{}: {}", context, error.message);
}

}  // namespace mockdev
