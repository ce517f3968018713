// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

/// A verb that prints what `text` makes of the program.
template <auto text>
void declare(Command& command) {
  command.runs([](Console& console, const Program& program) -> Result<Exit> {
    console.out << text(program);
    return Exit::success;
  });
}

}  // namespace

constexpr Verb kMan = {
    .name = "man",
    .group = "",
    .summary = "Prints the manual page as source for man",
    .description = "",
    .examples = {},
    .declare = declare<man_page>,
};

constexpr Verb kReference = {
    .name = "reference",
    .group = "",
    .summary = "Prints the reference part of docs/cli.md",
    .description = "",
    .examples = {},
    .declare = declare<markdown>,
};

}  // namespace mockdev::cli
