// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <system_error>

namespace mockdev {

std::unexpected<Error> fail_errno(const std::string& what, int errno_value) {
  return fail("{}: {}", what, std::generic_category().message(errno_value));
}

std::unexpected<Error> fail_input(Error error) {
  error.bad_input = true;
  return std::unexpected(std::move(error));
}

std::unexpected<Error> with_context(const std::string& context, const Error& error) {
  return std::unexpected(Error{.message = fmt::format("{}: {}", context, error.message),
                               .bad_input = error.bad_input});
}

}  // namespace mockdev
