// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <array>
#include <memory>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

void declare_completion(Command& command) {
  const auto shell = std::make_shared<Shell>();
  command.choice("SHELL", kShells, *shell, "Which shell: bash, zsh or fish.").required();
  command.runs([shell](Console& console, const Program&) -> Result<Exit> {
    console.out << completion_script(*shell);
    return Exit::success;
  });
}

void declare_complete(Command& command) {
  const auto words = std::make_shared<std::vector<std::string>>();
  command.rest(*words, "WORD...", "The words of the line up to the cursor.");
  command.runs([words](Console& console, const Program& program) -> Result<Exit> {
    console.out << completions(program, *words);
    return Exit::success;
  });
}

constexpr std::array<Verb::Example, 3> kExamples = {{
    {.line = "source <(mock-device completion bash)", .meaning = "Turns it on in this bash."},
    {.line = "source <(mock-device completion zsh)", .meaning = "Turns it on in this zsh."},
    {.line = "mock-device completion fish | source", .meaning = "Turns it on in this fish."},
}};

}  // namespace

constexpr Verb kCompletion = {
    .name = "completion",
    .group = "Shells",
    .summary = "Prints what a shell needs to complete command lines",
    .description =
        "An installed mock-device has it in place already. Verbs, options, labs, machines, devices "
        "and faults are completed, each with what there is at that moment.",
    .examples = kExamples,
    .declare = declare_completion,
};

constexpr Verb kComplete = {
    .name = "complete",
    .group = "",
    .summary = "Prints what may stand in place of the last word",
    .description = "",
    .examples = {},
    .declare = declare_complete,
};

}  // namespace mockdev::cli
