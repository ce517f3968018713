// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "lab/lab.h"
#include "lab/part_choice.h"
#include "lab/run_folder.h"
#include "lab/ssh.h"

namespace mockdev::lab {

Error exec(const ExecOptions& options) {
  const auto lab = status(options.name);
  if (!lab) return lab.error();
  const auto node = choose_running_node(*lab, options.node);
  if (!node) return node.error();
  const auto folder = RunFolder::of(options.name);
  if (!folder) return folder.error();
  const bool on_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const Command ssh =
      ssh_command(*folder, node->name, options.command, options.tty.value_or(on_terminal));
  return replace_process(ssh);
}

}  // namespace mockdev::lab
