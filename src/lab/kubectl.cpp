// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"
#include "lab/lab.h"
#include "lab/part_choice.h"

namespace mockdev::lab {

Error kubectl(std::string_view name, const std::vector<std::string>& arguments) {
  const auto lab = status(name);
  if (!lab) return lab.error();
  if (!lab->kubernetes) return no_kubernetes(name).error();
  // By the environment, so that options of the user's, and what kubectl starts, go first.
  Command command{.argv = {lab->kubernetes->programs / "kubectl"},
                  .environment = {{"KUBECONFIG", lab->kubernetes->kubeconfig}}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return replace_process(command);
}

}  // namespace mockdev::lab
