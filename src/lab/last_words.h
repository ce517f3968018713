// SPDX-License-Identifier: Apache-2.0
// What a program said last, for an error message.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mockdev::lab {

/// The last lines of a text that are not empty, joined by " / ".
[[nodiscard]] std::string one_line(std::string_view text);

/// one_line of a log file, or that it is empty.
[[nodiscard]] std::string last_words(const std::filesystem::path& log);

}  // namespace mockdev::lab
