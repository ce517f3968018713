// SPDX-License-Identifier: Apache-2.0
// What the program says about itself, in three forms made from the same table.
#pragma once

#include <string>

#include "cli/program.h"

namespace mockdev::cli {

/// What --help prints: of the program, and of a verb.
[[nodiscard]] std::string help_text(const Program& program);
[[nodiscard]] std::string help_text(const Command& command);

/// The page mock-device(1) as source for man.
[[nodiscard]] std::string man_page(const Program& program);

/// The reference part of docs/cli.md.
[[nodiscard]] std::string markdown(const Program& program);

}  // namespace mockdev::cli
