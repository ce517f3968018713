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
    {"source <(mock-device completion bash)", "Turns it on in this bash."},
    {"source <(mock-device completion zsh)", "Turns it on in this zsh."},
    {"mock-device completion fish | source", "Turns it on in this fish."},
}};

}  // namespace

constinit const Verb kCompletion = {
    .name = "completion",
    .group = "Shells",
    .summary = "Prints what a shell needs to complete command lines",
    .description =
        "An installed mock-device has it in place already. Verbs, options, labs, machines, devices "
        "and faults are completed, each with what there is at that moment.",
    .examples = kExamples,
    .declare = declare_completion,
};

constinit const Verb kComplete = {
    .name = "complete",
    .group = "",
    .summary = "Prints what may stand in place of the last word",
    .description = "",
    .examples = {},
    .declare = declare_complete,
};

}  // namespace mockdev::cli
