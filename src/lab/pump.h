// SPDX-License-Identifier: Apache-2.0
// Moves bytes between descriptors.
#pragma once

#include <string_view>

namespace mockdev::lab {

/// Copies what can be read from `from` to `to`, once. False at the end of `from`, or when `to`
/// takes no more.
[[nodiscard]] bool copy_some(int from, int to);

/// Writes all of `text`, waiting where it must.
[[nodiscard]] bool write_whole(int fd, std::string_view text);

}  // namespace mockdev::lab
