// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

struct Options {
  std::optional<std::string> lab;
  lab::ExecOptions exec;
  bool tty = false;
  bool no_tty = false;
};

Result<Exit> run(const Options& options, Console& console) {
  const auto name = find_lab(options.lab);
  if (!name) return std::unexpected(name.error());
  lab::ExecOptions exec = options.exec;
  exec.name = *name;
  if (options.tty || options.no_tty) exec.tty = options.tty;
  console.out.flush();
  return std::unexpected(lab::exec(exec));
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_lab(command, options->lab);
  add_node(command, options->exec.node);
  const OptionRules tty =
      command.flag("--tty,-t", options->tty,
                   "A terminal for the command, even if this side has none. Without it and "
                   "--no-tty: a terminal if this side has one.");
  command.flag("--no-tty,-T", options->no_tty, "No terminal for the command.").excludes(tty);
  command.rest(options->exec.command, "COMMAND...",
               "Program and arguments, which no shell changes. Without them: a login shell.");
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 3> kExamples = {{
    {.line = "mock-device exec", .meaning = "Opens a shell in the first machine."},
    {.line = "mock-device exec -- lspci -vvv -d 1de5:",
     .meaning = "Shows the devices as PCI sees them."},
    {.line = "mock-device exec --node node1 -- sh -c 'cat /sys/class/mock-accel/*/health'",
     .meaning = "Runs a shell line in another machine."},
}};

}  // namespace

constexpr Verb kExec = {
    .name = "exec",
    .group = "Labs",
    .summary = "Runs a command in a machine of a lab",
    .description =
        "The command runs as root. Its input, output and exit status are those of this program; "
        "255 says that the machine could not be reached.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
