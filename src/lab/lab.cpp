// SPDX-License-Identifier: Apache-2.0
#include "lab/lab.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <utility>

#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/actions.h"
#include "lab/boot.h"
#include "lab/file_lock.h"
#include "lab/kmm.h"
#include "lab/last_words.h"
#include "lab/plan.h"
#include "lab/server_process.h"
#include "lab/state.h"
#include "lab/teardown.h"

namespace mockdev::lab {
namespace {

using Clock = std::chrono::steady_clock;

unsigned device_count(const topology::Node& node) {
  std::size_t count = 0;
  for (const topology::NumaNode& numa : node.numa) count += numa.devices.size();
  return static_cast<unsigned>(count);
}

KubernetesState cluster_state(const ControlPlane& plane, bool with_kmm) {
  KubernetesState state{.version = to_string(plane.version),
                        .programs = plane.programs,
                        .server = api_server_url(plane),
                        .kmm = with_kmm,
                        .components = {}};
  for (const Component& component : components(plane)) {
    state.components.push_back({.name = component.name});
  }
  return state;
}

/// Makes a lab as planned. What it starts is in the state, so that tear_down finds it.
class Launch {
 public:
  Launch(const Plan& plan, const UpOptions& options, const Work& work)
      : plan_(plan), options_(options), work_(work) {
    state_.topology = plan.topology_file();
    state_.accelerator = plan.accelerator();
    state_.started = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    for (const topology::Node& node : plan.nodes()) {
      state_.nodes.push_back({.name = node.name, .devices = device_count(node)});
    }
    if (plan.has_kubernetes()) {
      state_.kubernetes = cluster_state(plan.control_plane(), plan.kmm_recipe().has_value());
    }
  }

  [[nodiscard]] const LabState& state() const { return state_; }

  [[nodiscard]] std::vector<Action> actions() {
    std::vector<Action> all;
    if (plan_.has_kubernetes()) {
      all.push_back({.title = "Kubernetes", .perform = [this] { return find_kubernetes(); }});
      all.push_back({.title = "etcd",
                     .perform = [this] { return ensure(plan_.cache(), plan_.etcd_recipe()); }});
    }
    if (plan_.kwok_recipe()) {
      all.push_back({.title = "kwok",
                     .perform = [this] { return ensure(plan_.cache(), *plan_.kwok_recipe()); }});
    }
    if (plan_.has_machines()) {
      all.push_back({.title = "QEMU", .perform = [this] { return find_qemu(); }});
      all.push_back({.title = "guest image",
                     .perform = [this] { return ensure(plan_.cache(), plan_.guest_recipe()); }});
    }
    if (const auto& kernel = plan_.debug_kernel_recipe()) {
      all.push_back(
          {.title = "debugging kernel", .perform = [&] { return ensure(plan_.cache(), *kernel); }});
    }
    if (plan_.has_machines()) {
      all.push_back({.title = "kernel modules", .perform = [this] {
                       return ensure(plan_.module_cache(), plan_.modules_recipe());
                     }});
    }
    if (plan_.kmm_recipe()) {
      all.push_back({.title = "Kernel Module Management",
                     .perform = [this] { return ensure(plan_.cache(), *plan_.kmm_recipe()); }});
    }
    all.push_back({.title = "run folder", .perform = [this] { return prepare(); }});
    if (plan_.has_kubernetes()) {
      all.push_back({.title = "control plane", .perform = [this] { return start_cluster(); }});
    }
    if (plan_.has_machines()) {
      all.push_back({.title = "device server", .perform = [this] { return start_server(); }});
    }
    for (std::size_t node = 0; node < state_.nodes.size(); ++node) {
      all.push_back({.title = fmt::format("start {}", state_.nodes[node].name),
                     .perform = [this, node] { return start_machine(node); }});
    }
    for (std::size_t node = 0; node < state_.nodes.size(); ++node) {
      all.push_back({.title = fmt::format("boot {}", state_.nodes[node].name),
                     .perform = [this, node] { return boot(node); }});
    }
    if (plan_.has_kubernetes() && plan_.has_machines()) {
      all.push_back({.title = "nodes", .perform = [this] { return wait_for_nodes(); }});
    }
    if (plan_.kmm_recipe()) {
      all.push_back({.title = "operator", .perform = [this] { return start_operator(); }});
    }
    if (plan_.kwok_recipe()) {
      all.push_back({.title = "simulated nodes", .perform = [this] { return simulate_nodes(); }});
    }
    return all;
  }

  [[nodiscard]] Result<void> finish() {
    state_.ready = true;
    return write_state(plan_.folder(), state_);
  }

 private:
  /// Puts a process that is about to run into the state.
  auto recorder(ProcessId& place) {
    return [this, &place](const ProcessId& process) {
      place = process;
      return write_state(plan_.folder(), state_);
    };
  }

  Result<std::string> ensure(const Cache& cache, const Recipe& recipe) const {
    const bool had = cache.has(recipe);
    const auto folder = cache.ensure(recipe, work_);
    if (!folder) return std::unexpected(folder.error());
    return had ? "cached" : "made";
  }

  Result<std::string> find_kubernetes() const {
    const std::string version = to_string(*plan_.kubernetes_version());
    if (!plan_.kubernetes_recipe()) return fmt::format("{}, ready-made", version);
    const auto outcome = ensure(plan_.cache(), *plan_.kubernetes_recipe());
    if (!outcome) return outcome;
    return fmt::format("{}, {}", version, *outcome);
  }

  Result<std::string> start_cluster() {
    const std::vector<Component> all = components(plan_.control_plane());
    const KubernetesFolder folder = plan_.folder().kubernetes();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Component& component = all[i];
      work_.progress.note(component.name);
      const auto process = start(component.command, folder.log(component.name),
                                 recorder(state_.kubernetes->components.at(i).process));
      if (!process) return std::unexpected(process.error());
      const auto ready = wait_until_ready(component, *process, folder, work_.interrupt);
      if (!ready) return std::unexpected(ready.error());
    }
    return state_.kubernetes->server;
  }

  /// From power-on until the API server says of all nodes that they are ready.
  Result<std::string> wait_for_nodes() {
    constexpr std::chrono::milliseconds kPause{500};
    const ControlPlane plane = plan_.control_plane();
    const auto applied = run_checked(apply(plane, plan_.installation().lab() / "node/objects.yaml"),
                                     {.interrupt = &work_.interrupt});
    if (!applied) return std::unexpected(applied.error());
    const auto end = power_on_.back() + options_.boot_timeout;
    while (true) {
      const auto asked = run(ask_nodes_ready(plane), {.interrupt = &work_.interrupt});
      if (!asked) return std::unexpected(asked.error());
      if (asked->exit_code == 0) return fmt::format("{} ready", plane.nodes.size());
      if (Clock::now() > end) {
        return fail("not ready in time: {}; \"journalctl -u kubelet\" in a node may know why",
                    one_line(asked->output));
      }
      if (work_.interrupt.wait(kPause)) return interrupted();
    }
  }

  /// Until the operator answers.
  Result<std::string> start_operator() const {
    const ControlPlane plane = plan_.control_plane();
    const auto installed = run_checked(plan_.install_operator(), {.interrupt = &work_.interrupt});
    if (!installed) return std::unexpected(installed.error());
    const auto end = Clock::now() + options_.boot_timeout;
    while (true) {
      const auto asked = run(ask_kmm_ready(plane), {.interrupt = &work_.interrupt});
      if (!asked) return std::unexpected(asked.error());
      if (asked->exit_code == 0) return "ready";
      if (Clock::now() > end) {
        return fail("not ready in time: {}; \"mock-device kubectl -- get pods -A\" may know why",
                    one_line(asked->output));
      }
      constexpr std::chrono::milliseconds kPause{500};
      if (work_.interrupt.wait(kPause)) return interrupted();
    }
  }

  /// Until kwok says that all are ready and the controller has published their devices.
  Result<std::string> simulate_nodes() const {
    const ControlPlane plane = plan_.control_plane();
    const RunOptions options{.interrupt = &work_.interrupt};
    const auto made = run_checked(make_simulated_nodes(plane), options);
    if (!made) return std::unexpected(made.error());
    const std::size_t wanted = slice_count(*plane.simulation);
    const std::size_t nodes = plane.simulation->nodes.size();
    // At least as much as one small computer has been seen to take for each.
    const auto end =
        Clock::now() + std::chrono::seconds(60) + nodes * std::chrono::milliseconds(500);
    while (true) {
      const auto ready = count_lines(list_ready_simulated_nodes(plane));
      if (!ready) return std::unexpected(ready.error());
      const auto slices = count_lines(list_simulated_slices(plane));
      if (!slices) return std::unexpected(slices.error());
      auto outcome = fmt::format("{} of {} ready, {} of {} slices", *ready, nodes, *slices, wanted);
      if (*ready >= nodes && *slices >= wanted) return outcome;
      if (Clock::now() > end) return fail("not ready in time: {}", outcome);
      work_.progress.note(outcome);
      constexpr std::chrono::milliseconds kPause{500};
      if (work_.interrupt.wait(kPause)) return interrupted();
    }
  }

  /// Of the output of a question; none for one that got no answer.
  [[nodiscard]] Result<std::size_t> count_lines(const Command& question) const {
    const auto asked = run(question, {.interrupt = &work_.interrupt});
    if (!asked) return std::unexpected(asked.error());
    if (asked->exit_code != 0) return 0;
    return static_cast<std::size_t>(std::ranges::count(asked->output, '\n'));
  }

  Result<std::string> find_qemu() const {
    if (!plan_.qemu_recipe()) return "this computer's own";
    return ensure(plan_.cache(), *plan_.qemu_recipe());
  }

  Result<void> prepare_one(const Command& command) const {
    const auto done = run_checked(command, {.interrupt = &work_.interrupt});
    return done ? Result<void>{} : std::unexpected(done.error());
  }
  // NOLINTNEXTLINE(readability-convert-member-functions-to-static): an overload of the one above
  Result<void> prepare_one(const FileText& file) const {
    return write_file(file.path, file.text, 0600);
  }

  Result<std::string> prepare() const {
    for (const Preparation& preparation : plan_.preparations()) {
      const auto done =
          std::visit([this](const auto& one) { return prepare_one(one); }, preparation);
      if (!done) return std::unexpected(done.error());
    }
    return plan_.folder().path().native();
  }

  Result<std::string> start_server() {
    const auto server = start(plan_.server(), plan_.folder().server_log(), recorder(state_.server));
    if (!server) return std::unexpected(server.error());
    const auto serving =
        wait_until_serving(*server, plan_.folder(), plan_.nodes(), work_.interrupt);
    if (!serving) return std::unexpected(serving.error());
    unsigned devices = 0;
    for (const NodeState& node : state_.nodes) devices += node.devices;
    return fmt::format("{} devices", devices);
  }

  Result<std::string> start_machine(std::size_t node) {
    const MachineFolder machine = plan_.folder().machine(state_.nodes[node].name);
    const Command command = plan_.machine(node);
    state_.nodes[node].command = command.argv;
    const auto qemu = start(command, machine.qemu_log(), recorder(state_.nodes[node].qemu));
    if (!qemu) return std::unexpected(qemu.error());
    power_on_.push_back(Clock::now());
    return std::string(to_string(state_.accelerator));
  }

  Result<std::string> boot(std::size_t node) {
    NodeState& machine = state_.nodes[node];
    const auto end = power_on_.at(node) + options_.boot_timeout;
    auto up = wait_until_up(plan_.folder(), machine, devices_at_boot(state_, machine), end,
                            work_.interrupt, work_.progress, recorder(machine.ssh));
    if (!up) return std::unexpected(up.error());
    if (!plan_.loads_modules()) return "no module yet";
    return fmt::format("{} devices", machine.devices);
  }

  const Plan& plan_;
  const UpOptions& options_;
  const Work& work_;
  LabState state_;
  std::vector<Clock::time_point> power_on_;  ///< of each node
};

/// Whether what a lab can't go on without is still there.
bool anything_runs(const LabState& state) {
  if (is_running(state.server)) return true;
  return state.kubernetes &&
         std::ranges::any_of(state.kubernetes->components, is_running, &ComponentState::process);
}

/// Takes the lab's name for this call. What an earlier lab of the name left behind is removed.
Result<FileLock> claim(const RunFolder& folder) {
  if (auto made = make_labs_folder(); !made) return std::unexpected(made.error());
  auto lock = FileLock::try_take(folder.lock());
  if (!lock) return std::unexpected(lock.error());
  if (!*lock) {
    return fail("lab {}: is being started or stopped by another process", folder.lab());
  }
  const auto old = read_state(folder);
  if (!old) return std::unexpected(old.error());
  if (*old) {
    if ((*old)->ready && anything_runs(**old)) {
      return fail("lab {}: runs already; take it down first, or give this one another name",
                  folder.lab());
    }
    if (auto gone = tear_down(folder, **old); !gone) return std::unexpected(gone.error());
  }
  if (::mkdir(folder.path().c_str(), 0700) != 0) return fail_errno(folder.path(), errno);
  return std::move(**lock);
}

Result<void> launch(const Plan& plan, const UpOptions& options, const Work& work) {
  Launch launch(plan, options, work);
  Result<void> done = write_state(plan.folder(), launch.state());
  if (done) done = carry_out(launch.actions(), work.progress);
  if (done) done = launch.finish();
  if (done) return {};
  if (auto gone = tear_down(plan.folder(), launch.state()); !gone) {
    return fail("{}; and then: {}", done.error().message, gone.error().message);
  }
  return done;
}

void add_line(std::string& lines, const std::string& line) {
  lines += line;
  lines += '\n';
}

std::string preview(const Preparation& preparation) {
  if (const auto* const command = std::get_if<Command>(&preparation)) return to_string(*command);
  const auto& file = std::get<FileText>(preparation);
  // One line, whatever the text: printf's %b turns \\n back.
  std::string text;
  for (const char character : file.text) {
    if (character == '\n') {
      text += "\\n";
    } else {
      text += character == '\\' ? "\\\\" : std::string(1, character);
    }
  }
  return fmt::format("printf %b {} >{}", shell_quote(text), shell_quote(file.path.native()));
}

std::string in_background(const Command& command, const std::filesystem::path& log) {
  return fmt::format("{} >>{} 2>&1 </dev/null &", to_string(command), shell_quote(log.native()));
}

}  // namespace

std::string_view to_string(Accelerator accelerator) {
  static constexpr std::array<std::string_view, 3> kNames = {"automatic", "kvm", "tcg"};
  return kNames.at(static_cast<std::size_t>(accelerator));
}

Result<void> up(const UpOptions& options, Progress& progress) {
  const Interrupt interrupt;
  const auto plan = Plan::make(options);
  if (!plan) return std::unexpected(plan.error());
  const auto lock = claim(plan->folder());
  if (!lock) return std::unexpected(lock.error());
  const Work work{.builder = plan->builder(), .interrupt = interrupt, .progress = progress};
  return launch(*plan, options, work);
}

Result<std::string> dry_run(const UpOptions& options) {
  const auto plan = Plan::make(options);
  if (!plan) return std::unexpected(plan.error());
  std::string lines;
  const auto add_recipe = [&](const Cache& cache, const Recipe& recipe) {
    for (const std::string& line : cache.preview(recipe, plan->builder())) add_line(lines, line);
  };
  if (plan->has_kubernetes()) {
    if (plan->kubernetes_recipe()) add_recipe(plan->cache(), *plan->kubernetes_recipe());
    add_recipe(plan->cache(), plan->etcd_recipe());
  }
  if (plan->kwok_recipe()) add_recipe(plan->cache(), *plan->kwok_recipe());
  if (plan->has_machines()) {
    if (plan->qemu_recipe()) add_recipe(plan->cache(), *plan->qemu_recipe());
    add_recipe(plan->cache(), plan->guest_recipe());
    if (plan->debug_kernel_recipe()) add_recipe(plan->cache(), *plan->debug_kernel_recipe());
    add_recipe(plan->module_cache(), plan->modules_recipe());
  }
  if (plan->kmm_recipe()) add_recipe(plan->cache(), *plan->kmm_recipe());
  for (const Preparation& preparation : plan->preparations()) {
    add_line(lines, preview(preparation));
  }
  const RunFolder& folder = plan->folder();
  if (plan->has_kubernetes()) {
    for (const Component& component : components(plan->control_plane())) {
      add_line(lines, in_background(component.command, folder.kubernetes().log(component.name)));
    }
  }
  if (plan->has_machines()) add_line(lines, in_background(plan->server(), folder.server_log()));
  for (std::size_t node = 0; node < plan->nodes().size(); ++node) {
    const MachineFolder machine = folder.machine(plan->nodes()[node].name);
    add_line(lines, in_background(plan->machine(node), machine.qemu_log()));
  }
  if (plan->kmm_recipe()) add_line(lines, to_string(plan->install_operator()));
  return lines;
}

Result<void> down(std::string_view name, Progress& progress, std::chrono::seconds grace) {
  const auto folder = RunFolder::of(name);
  if (!folder) return std::unexpected(folder.error());
  // Says which labs there are if this is none.
  if (const auto known = status(name); !known) return std::unexpected(known.error());
  const auto lock = FileLock::try_take(folder->lock());
  if (!lock) return std::unexpected(lock.error());
  if (!*lock) {
    return fail("lab {}: is being started or stopped by another process; interrupt that one", name);
  }
  const auto state = read_state(*folder);
  if (!state) return std::unexpected(state.error());
  if (!*state) return {};
  std::vector<Action> actions;
  if (!(*state)->nodes.empty()) {
    actions.push_back({.title = "power off", .perform = [&]() -> Result<std::string> {
                         power_off(*folder, **state, grace);
                         return "";
                       }});
  }
  actions.push_back({.title = "stop and clean up", .perform = [&]() -> Result<std::string> {
                       const auto gone = tear_down(*folder, **state);
                       return gone ? Result<std::string>("") : std::unexpected(gone.error());
                     }});
  return carry_out(actions, progress);
}

}  // namespace mockdev::lab
