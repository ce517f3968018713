// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

using lab::ComponentStatus;
using lab::KubernetesStatus;
using lab::LabStatus;
using lab::NodeStatus;
using lab::State;

struct Options {
  std::optional<std::string> lab;
  Output output = Output::table;
};

Result<std::vector<LabStatus>> labs_asked_for(const Options& options) {
  if (!options.lab) return lab::status();
  auto lab = lab::status(*options.lab);
  if (!lab) return std::unexpected(lab.error());
  return std::vector{std::move(*lab)};
}

/// RFC 3339, UTC.
std::string time_text(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(seconds));
}

Document pid_or_null(pid_t pid) {
  return pid == 0 ? Document(nullptr) : Document(pid);
}

Document document_of(const NodeStatus& node) {
  return {
      {"name", node.name},
      {"running", node.running},
      {"pid", pid_or_null(node.pid)},
      {"devices", node.devices},
      {"ssh_socket", node.ssh_socket.native()},
      {"console_socket", node.console_socket.native()},
      {"serial_log", node.serial_log.native()},
  };
}

Document document_of(const KubernetesStatus& kubernetes) {
  Document components = Document::array();
  for (const ComponentStatus& component : kubernetes.components) {
    components.push_back({{"name", component.name},
                          {"running", component.running},
                          {"pid", pid_or_null(component.pid)},
                          {"log", component.log.native()}});
  }
  return {
      {"version", kubernetes.version},
      {"server", kubernetes.server},
      {"kubeconfig", kubernetes.kubeconfig.native()},
      {"programs", kubernetes.programs.native()},
      {"kmm", kubernetes.kmm},
      {"components", std::move(components)},
  };
}

Document document_of(const LabStatus& lab) {
  Document nodes = Document::array();
  for (const NodeStatus& node : lab.nodes) nodes.push_back(document_of(node));
  return {
      {"name", lab.name},
      {"state", lab::to_string(lab.state)},
      {"started", time_text(lab.started)},
      {"topology", lab.topology},
      {"accelerator", lab::to_string(lab.accelerator)},
      {"folder", lab.folder.native()},
      {"server",
       {{"running", lab.server_running},
        {"pid", pid_or_null(lab.server_pid)},
        {"control_socket", lab.control_socket.native()}}},
      {"nodes", std::move(nodes)},
      {"kubernetes", lab.kubernetes ? document_of(*lab.kubernetes) : Document(nullptr)},
  };
}

Color color_of(State state) {
  switch (state) {
    case State::running:
      return Color::green;
    case State::starting:
      return Color::yellow;
    case State::broken:
      return Color::red;
  }
  return Color::plain;
}

Cell state_cell(const LabStatus& lab) {
  return {std::string(lab::to_string(lab.state)), color_of(lab.state)};
}

std::string pid_text(pid_t pid) {
  return pid == 0 ? "" : std::to_string(pid);
}

/// "1.36.3", with what, and what of it is gone.
Cell kubernetes_cell(const LabStatus& lab) {
  if (!lab.kubernetes) return {""};
  std::vector<std::string> gone;
  for (const ComponentStatus& component : lab.kubernetes->components) {
    if (!component.running) gone.push_back(component.name);
  }
  const std::string version = lab.kubernetes->version + (lab.kubernetes->kmm ? " with KMM" : "");
  if (gone.empty() || lab.state == State::starting) return {version};
  return {fmt::format("{}, without {}", version, fmt::join(gone, ", ")), Color::red};
}

Table table_of(const std::vector<LabStatus>& labs) {
  Table table(
      {"LAB", "STATE", "NODE", "MACHINE", "PID", "DEVICES", "RUN BY", "KUBERNETES", "SINCE"});
  for (const LabStatus& lab : labs) {
    if (lab.nodes.empty()) {
      table.add({lab.name,
                 state_cell(lab),
                 {""},
                 {""},
                 {""},
                 {""},
                 {""},
                 kubernetes_cell(lab),
                 time_text(lab.started)});
    }
    const std::string runner(lab::to_string(lab.accelerator));
    for (const NodeStatus& node : lab.nodes) {
      table.add({lab.name, state_cell(lab), node.name,
                 std::string(node.running ? "running" : "off"), pid_text(node.pid),
                 std::to_string(node.devices), runner, kubernetes_cell(lab),
                 time_text(lab.started)});
    }
  }
  return table;
}

Result<Exit> run(const Options& options, Console& console) {
  const auto labs = labs_asked_for(options);
  if (!labs) return std::unexpected(labs.error());
  if (options.output == Output::table) {
    if (labs->empty()) {
      console.err << "There is no lab. \"mock-device up\" starts one.\n";
    } else {
      console.out << table_of(*labs).text(console.out_looks);
    }
    return Exit::success;
  }
  Document list = Document::array();
  for (const LabStatus& lab : *labs) list.push_back(document_of(lab));
  console.out << to_text({{"labs", std::move(list)}}, options.output);
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  command.value("--lab", parse_text, options->lab, "NAME",
                "Only the lab of this name. Without it: all of this user's.", lab_values());
  add_output(command, options->output);
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

}  // namespace

constexpr Verb kStatus = {
    .name = "status",
    .group = "Labs",
    .summary = "Shows the labs of this user and their machines",
    .description =
        "A lab is `starting` while `mock-device up` is at work, `running` when its device server, "
        "all of its machines and all of its control plane run, and `broken` when one of them is "
        "gone: `mock-device repair` starts it again, `mock-device down` cleans up.",
    .examples = {},
    .declare = declare,
};

}  // namespace mockdev::cli
