// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <vector>

#include "base/process.h"
#include "lab/actions.h"
#include "lab/boot.h"
#include "lab/file_lock.h"
#include "lab/installation.h"
#include "lab/lab.h"
#include "lab/run_folder.h"
#include "lab/server_process.h"
#include "lab/state.h"
#include "topology/topology.h"

namespace mockdev::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStopPatience{5};

/// The machines of the lab, as its copy of the topology has them.
Result<std::vector<topology::Node>> nodes_of(const RunFolder& folder, const LabState& state) {
  auto topology = topology::load(folder.topology());
  if (!topology) return std::unexpected(topology.error());
  std::erase_if(topology->nodes, [&](const topology::Node& node) {
    return std::ranges::find(state.nodes, node.name, &NodeState::name) == state.nodes.end();
  });
  return std::move(topology->nodes);
}

/// Starts again what a lab has lost.
class Repair {
 public:
  Repair(const RunFolder& folder, LabState state, const Installation& installation,
         std::vector<topology::Node> nodes, std::chrono::seconds boot_timeout,
         const Interrupt& interrupt, Progress& progress)
      : folder_(folder),
        state_(std::move(state)),
        installation_(installation),
        nodes_(std::move(nodes)),
        boot_timeout_(boot_timeout),
        interrupt_(interrupt),
        progress_(progress) {}

  /// A machine does not find the way to a server that was started anew: all are started with it.
  [[nodiscard]] std::vector<Action> actions() {
    std::vector<Action> all;
    std::vector<NodeState*> lost;
    const bool server_lost = !is_running(state_.server);
    for (NodeState& node : state_.nodes) {
      if (server_lost || !is_running(node.qemu)) lost.push_back(&node);
    }
    for (NodeState* const node : lost) {
      all.push_back({.title = fmt::format("switch off {}", node->name),
                     .perform = [this, node] { return switch_off(*node); }});
    }
    if (server_lost) {
      all.push_back({.title = "device server", .perform = [this] { return start_server(); }});
    }
    for (NodeState* const node : lost) {
      all.push_back({.title = fmt::format("start {}", node->name),
                     .perform = [this, node] { return start_machine(*node); }});
    }
    for (NodeState* const node : lost) {
      all.push_back({.title = fmt::format("boot {}", node->name),
                     .perform = [this, node] { return boot(*node); }});
    }
    return all;
  }

 private:
  auto recorder(ProcessId& place) {
    return [this, &place](const ProcessId& process) {
      place = process;
      return write_state(folder_, state_);
    };
  }

  Result<std::string> switch_off(const NodeState& node) const {
    for (const ProcessId& process : {node.ssh, node.qemu}) {
      if (auto stopped = stop(process, kStopPatience); !stopped) {
        return std::unexpected(stopped.error());
      }
    }
    // What the next run is waited for by.
    const MachineFolder machine = folder_.machine(node.name);
    for (const auto& file : {machine.report(), machine.shared_socket(), machine.ssh_socket()}) {
      std::error_code error;
      std::filesystem::remove(file, error);
      if (error) return fail_errno(file, error.value());
    }
    return "";
  }

  Result<std::string> start_server() {
    const auto server = start(server_command(installation_, folder_), folder_.server_log(),
                              recorder(state_.server));
    if (!server) return std::unexpected(server.error());
    const auto serving = wait_until_serving(*server, folder_, nodes_, interrupt_);
    if (!serving) return std::unexpected(serving.error());
    return "";
  }

  Result<std::string> start_machine(NodeState& node) {
    const MachineFolder machine = folder_.machine(node.name);
    const auto qemu = start({.argv = node.command, .folder = machine.path}, machine.qemu_log(),
                            recorder(node.qemu));
    if (!qemu) return std::unexpected(qemu.error());
    return std::string(to_string(state_.accelerator));
  }

  Result<std::string> boot(NodeState& node) {
    auto up =
        wait_until_up(folder_, node, devices_at_boot(state_, node), Clock::now() + boot_timeout_,
                      interrupt_, progress_, recorder(node.ssh));
    if (!up) return std::unexpected(up.error());
    return fmt::format("{} devices", node.devices);
  }

  const RunFolder& folder_;
  LabState state_;
  const Installation& installation_;
  std::vector<topology::Node> nodes_;
  std::chrono::seconds boot_timeout_;
  const Interrupt& interrupt_;
  Progress& progress_;
};

/// That there is something that can be started again.
Result<void> check_repairable(const LabStatus& lab, const LabState& state) {
  const bool commands_known =
      std::ranges::none_of(state.nodes, [](const NodeState& node) { return node.command.empty(); });
  if (!state.ready || state.nodes.empty() || !commands_known) {
    return fail("lab {}: has never been up; mock-device down cleans up", lab.name);
  }
  if (!lab.kubernetes) return {};
  for (const ComponentStatus& component : lab.kubernetes->components) {
    if (component.running) continue;
    return fail("lab {}: its {} does not run, which only a new lab has; mock-device down cleans up",
                lab.name, component.name);
  }
  return {};
}

}  // namespace

Result<void> repair(std::string_view name, std::chrono::seconds boot_timeout, Progress& progress) {
  const Interrupt interrupt;
  const auto folder = RunFolder::of(name);
  if (!folder) return std::unexpected(folder.error());
  const auto lab = status(name);
  if (!lab) return std::unexpected(lab.error());
  const auto lock = FileLock::try_take(folder->lock());
  if (!lock) return std::unexpected(lock.error());
  if (!*lock) return fail("lab {}: is being started or stopped by another process", name);
  auto state = read_state(*folder);
  if (!state) return std::unexpected(state.error());
  if (!*state) return fail("lab {}: is gone", name);
  if (auto checked = check_repairable(*lab, **state); !checked) return checked;
  auto nodes = nodes_of(*folder, **state);
  if (!nodes) return std::unexpected(nodes.error());
  const auto parts = installation();
  if (!parts) return std::unexpected(parts.error());
  Repair repair(*folder, **std::move(state), *parts, *std::move(nodes), boot_timeout, interrupt,
                progress);
  return carry_out(repair.actions(), progress);
}

}  // namespace mockdev::lab
