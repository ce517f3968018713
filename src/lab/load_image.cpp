// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "base/process.h"
#include "lab/lab.h"
#include "lab/part_choice.h"
#include "lab/run_folder.h"
#include "lab/ssh.h"

namespace mockdev::lab {

Result<void> load_image(std::string_view name, const std::filesystem::path& archive,
                        Progress& progress) {
  const auto lab = status(name);
  if (!lab) return std::unexpected(lab.error());
  if (!lab->kubernetes) return no_kubernetes(name);
  const auto folder = RunFolder::of(name);
  if (!folder) return std::unexpected(folder.error());
  const Interrupt interrupt;
  for (const NodeStatus& node : lab->nodes) {
    const auto running = choose_running_node(*lab, node.name);
    if (!running) return std::unexpected(running.error());
    const auto begin = std::chrono::steady_clock::now();
    const auto elapsed = [begin] {
      return std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - begin);
    };
    progress.started("image to " + node.name);
    Command import = ssh_command(*folder, node.name,
                                 {"ctr", "--namespace", "k8s.io", "images", "import", "-"}, false);
    import.input = archive;
    if (auto done = run_checked(import, {.interrupt = &interrupt}); !done) {
      progress.failed(elapsed());
      return fail("{} on {}: {}", archive.native(), node.name, done.error().message);
    }
    progress.finished("", elapsed());
  }
  return {};
}

}  // namespace mockdev::lab
