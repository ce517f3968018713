// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <ranges>

#include <fmt/ranges.h>

#include "base/file.h"
#include "lab/file_lock.h"
#include "lab/installation.h"
#include "lab/lab.h"
#include "lab/part_choice.h"
#include "lab/run_folder.h"
#include "lab/state.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

NodeStatus node_status(const RunFolder& folder, const NodeState& node) {
  const MachineFolder machine = folder.machine(node.name);
  return {.name = node.name,
          .running = is_running(node.qemu),
          .pid = node.qemu.pid,
          .devices = node.devices,
          .ssh_socket = machine.ssh_socket(),
          .console_socket = machine.console_socket(),
          .serial_log = machine.serial_log()};
}

KubernetesStatus kubernetes_status(const RunFolder& folder, const KubernetesState& kubernetes) {
  KubernetesStatus status{.version = kubernetes.version,
                          .server = kubernetes.server,
                          .kubeconfig = folder.kubeconfig(),
                          .programs = kubernetes.programs,
                          .kmm = kubernetes.kmm,
                          .components = {}};
  for (const ComponentState& component : kubernetes.components) {
    status.components.push_back({.name = component.name,
                                 .running = is_running(component.process),
                                 .pid = component.process.pid,
                                 .log = folder.kubernetes().log(component.name)});
  }
  return status;
}

State overall(const RunFolder& folder, const LabState& state, const LabStatus& status) {
  if (!state.ready) return FileLock::is_taken(folder.lock()) ? State::starting : State::broken;
  const bool machines_run =
      status.nodes.empty() ||
      (status.server_running && std::ranges::all_of(status.nodes, &NodeStatus::running));
  const bool cluster_runs = !status.kubernetes || std::ranges::all_of(status.kubernetes->components,
                                                                      &ComponentStatus::running);
  return machines_run && cluster_runs ? State::running : State::broken;
}

LabStatus lab_status(const RunFolder& folder, const LabState& state) {
  LabStatus status{.name = folder.lab(),
                   .state = State::broken,
                   .folder = folder.path(),
                   .topology = state.topology,
                   .accelerator = state.accelerator,
                   .started = state.started,
                   .server_running = is_running(state.server),
                   .server_pid = state.server.pid,
                   .control_socket = folder.control_socket(),
                   .nodes = {},
                   .kubernetes = {}};
  for (const NodeState& node : state.nodes) status.nodes.push_back(node_status(folder, node));
  if (state.kubernetes) status.kubernetes = kubernetes_status(folder, *state.kubernetes);
  status.state = overall(folder, state, status);
  return status;
}

/// Names of the labs' folders, sorted.
std::vector<std::string> lab_names() {
  std::vector<std::string> names;
  for (std::string& name : names_in(labs_folder()).value_or(std::vector<std::string>())) {
    std::error_code ignored;
    if (fs::is_directory(labs_folder() / name, ignored) && RunFolder::of(name)) {
      names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  return names;
}

std::unexpected<Error> no_such_lab(std::string_view name) {
  const std::vector<std::string> names = lab_names();
  if (names.empty()) return fail("lab {}: there is none; mock-device up starts one", name);
  return fail("lab {}: there is none of this name; there is: {}", name, fmt::join(names, ", "));
}

}  // namespace

std::string_view to_string(State state) {
  static constexpr std::array<std::string_view, 3> kNames = {"starting", "running", "broken"};
  return kNames.at(static_cast<std::size_t>(state));
}

Result<std::vector<LabStatus>> status() {
  std::vector<LabStatus> labs;
  for (const std::string& name : lab_names()) {
    const auto folder = RunFolder::of(name);
    const auto state = read_state(*folder);
    if (!state) return std::unexpected(state.error());
    // Gone in the meantime.
    if (*state) labs.push_back(lab_status(*folder, **state));
  }
  return labs;
}

Result<LabStatus> status(std::string_view name) {
  const auto folder = RunFolder::of(name);
  if (!folder) return std::unexpected(folder.error());
  const auto state = read_state(*folder);
  if (!state) return std::unexpected(state.error());
  if (!*state) return no_such_lab(name);
  return lab_status(*folder, **state);
}

Result<fs::path> control_socket(std::string_view name) {
  const auto lab = status(name);
  if (!lab) return std::unexpected(lab.error());
  if (lab->nodes.empty()) return fail("lab {}: has no machines, and so no devices", name);
  if (!lab->server_running) {
    return fail("lab {}: its device server does not run; mock-device repair starts it anew", name);
  }
  return lab->control_socket;
}

Result<NodeStatus> choose_node(const LabStatus& lab, std::string_view name) {
  const auto node = std::ranges::find_if(
      lab.nodes, [name](const NodeStatus& one) { return name.empty() || one.name == name; });
  if (node != lab.nodes.end()) return *node;
  if (lab.nodes.empty()) return fail("lab {}: has no machines", lab.name);
  return fail("lab {}: has no node {}; it has {}", lab.name, name,
              fmt::join(lab.nodes | std::views::transform(&NodeStatus::name), ", "));
}

std::unexpected<Error> no_kubernetes(std::string_view lab) {
  return fail("lab {}: has no Kubernetes; mock-device up --kubernetes VERSION starts one that has",
              lab);
}

Result<NodeStatus> choose_running_node(const LabStatus& lab, std::string_view name) {
  auto node = choose_node(lab, name);
  if (node && !node->running) return fail("lab {}: node {} does not run", lab.name, node->name);
  return node;
}

}  // namespace mockdev::lab
