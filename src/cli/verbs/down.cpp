// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>

#include "cli/progress_line.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

struct Options {
  std::optional<std::string> lab;
  bool all = false;
};

Result<std::vector<std::string>> labs_to_end(const Options& options) {
  if (!options.all) {
    const auto name = find_lab(options.lab);
    if (!name) return std::unexpected(name.error());
    return std::vector{*name};
  }
  const auto labs = lab::status();
  if (!labs) return std::unexpected(labs.error());
  std::vector<std::string> names;
  for (const auto& lab : *labs) names.push_back(lab.name);
  return names;
}

Result<Exit> run(const Options& options, Console& console) {
  const auto names = labs_to_end(options);
  if (!names) return std::unexpected(names.error());
  const auto progress = make_progress(console);
  // One that can't be ended must not keep the others alive.
  std::string errors;
  for (const std::string& name : *names) {
    if (auto done = lab::down(name, *progress); !done) {
      errors += (errors.empty() ? "" : "\n") + done.error().message;
    }
  }
  if (!errors.empty()) return std::unexpected(Error{errors});
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  const OptionRules lab = add_lab(command, options->lab);
  command.flag("--all", options->all, "All labs of this user.").excludes(lab);
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device down --all", .meaning = "Ends all labs."},
}};

}  // namespace

constexpr Verb kDown = {
    .name = "down",
    .group = "Labs",
    .summary = "Ends a lab and removes what is left of it",
    .description =
        "The machines are asked to power off, and are switched off if they do not. Works after a "
        "crash or a reboot, too, on whatever there still is.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
