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
  std::vector<std::string> arguments;
};

Result<Exit> run(const Options& options, Console& console) {
  const auto name = find_lab(options.lab);
  if (!name) return std::unexpected(name.error());
  console.out.flush();
  return std::unexpected(lab::kubectl(*name, options.arguments));
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_lab(command, options->lab);
  command.rest(options->arguments, "ARGUMENT...", "What kubectl is to do.");
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 2> kExamples = {{
    {.line = "mock-device kubectl -- get resourceslices", .meaning = "Lists what drivers offer."},
    {.line = "mock-device kubectl --lab other -- apply -f claim.yaml",
     .meaning = "Creates what a file says, in the cluster of another lab."},
}};

}  // namespace

constexpr Verb kKubectl = {
    .name = "kubectl",
    .group = "Labs",
    .summary = "Runs kubectl in the cluster of a lab",
    .description =
        "It is the kubectl of the cluster's version, as an administrator. Its input, output and "
        "exit status are those of this program. For other tools, `mock-device status -o json` "
        "names the file that KUBECONFIG has to be set to.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
