// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/ostream.h>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

struct Options {
  std::optional<std::string> lab;
  lab::ConsoleOptions console;
};

Result<Exit> run(const Options& options, Console& console) {
  const auto name = find_lab(options.lab);
  if (!name) return std::unexpected(name.error());
  lab::ConsoleOptions wanted = options.console;
  wanted.name = *name;
  if (console.err_is_live) fmt::print(console.err, "{} leaves the console.\n", lab::kDetachKey);
  if (auto done = lab::console(wanted); !done) return std::unexpected(done.error());
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_lab(command, options->lab);
  add_node(command, options->console.node);
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

}  // namespace

constexpr Verb kConsole = {
    .name = "console",
    .group = "Labs",
    .summary = "Connects to the serial console of a machine",
    .description = "Works from power-on, when nothing else in the machine does. Ctrl-] leaves it.",
    .examples = {},
    .declare = declare,
};

}  // namespace mockdev::cli
