// SPDX-License-Identifier: Apache-2.0
// Completion of command lines. The shells' own part is a few lines that ask the program each time
// ("mock-device complete"), so that what they offer is what this very program and its labs have.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cli/program.h"

namespace mockdev::cli {

enum class Shell : std::uint8_t { bash, zsh, fish };

inline constexpr std::array<std::pair<std::string_view, Shell>, 3> kShells = {{
    {"bash", Shell::bash},
    {"zsh", Shell::zsh},
    {"fish", Shell::fish},
}};

/// What a user's shell reads to know of it.
[[nodiscard]] std::string_view completion_script(Shell shell);

/// What may stand in place of the last of `words`, which are those after the program's name and
/// may end in an empty one. One line each: the word, and after a tab its meaning, where it has
/// one. A single line ":files" or ":folders": any name of a file or folder.
[[nodiscard]] std::string completions(const Program& program, std::span<const std::string> words);

}  // namespace mockdev::cli
