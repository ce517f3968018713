// SPDX-License-Identifier: Apache-2.0
#include "lab/teardown.h"

#include <algorithm>
#include <ranges>
#include <thread>

#include "lab/ssh.h"

namespace mockdev::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kAskTime{5};
constexpr std::chrono::seconds kStopTime{5};

/// False: nobody in the guest heard it.
bool ask_to_power_off(const RunFolder& folder, const NodeState& node) {
  // Without the shared connection a handshake would have to be waited for that may never come.
  if (!is_running(node.qemu) || !is_running(node.ssh)) return false;
  const auto asked =
      run(ssh_command(folder, node.name, {"systemctl", "poweroff", "--no-block"}, false),
          {.timeout = kAskTime});
  return asked && asked->exit_code == 0;
}

/// What an `up` that was killed had started may write for a moment longer.
Result<void> remove_folder(const std::filesystem::path& path) {
  constexpr std::chrono::milliseconds kPause{50};
  const auto end = Clock::now() + kStopTime;
  std::error_code error;
  do {
    std::filesystem::remove_all(path, error);
    if (error != std::errc::directory_not_empty) break;
    std::this_thread::sleep_for(kPause);
  } while (Clock::now() < end);
  if (error) return fail_errno(path, error.value());
  return {};
}

}  // namespace

void power_off(const RunFolder& folder, const LabState& state, std::chrono::seconds grace) {
  const auto end = Clock::now() + grace;
  std::vector<ProcessId> leaving;
  for (const NodeState& node : state.nodes) {
    if (ask_to_power_off(folder, node)) leaving.push_back(node.qemu);
  }
  for (const ProcessId& qemu : leaving) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    [[maybe_unused]] const bool gone =
        wait_for_end(qemu, std::max(left, std::chrono::milliseconds{0}));
  }
}

Result<void> tear_down(const RunFolder& folder, const LabState& state) {
  Result<void> result;
  const auto stop_it = [&result](const ProcessId& process) {
    if (auto stopped = stop(process, kStopTime); !stopped && result) result = stopped;
  };
  for (const NodeState& node : state.nodes) {
    stop_it(node.ssh);
    stop_it(node.qemu);
  }
  // After the guests: QEMU does not survive a server that goes in the middle of a request.
  stop_it(state.server);
  if (state.kubernetes) {
    for (const ComponentState& component : std::views::reverse(state.kubernetes->components)) {
      stop_it(component.process);
    }
  }
  // A process that could not be stopped must be found again.
  if (!result) return result;
  return remove_folder(folder.path());
}

}  // namespace mockdev::lab
