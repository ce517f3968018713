// SPDX-License-Identifier: Apache-2.0
#include "lab/state.h"

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace mockdev {

// NOLINTBEGIN(misc-use-anonymous-namespace): the JSON library finds them through their argument
static void to_json(nlohmann::json& json, const ProcessId& process) {
  json = {{"pid", process.pid}, {"start_time", process.start_time}};
}

static void from_json(const nlohmann::json& json, ProcessId& process) {
  json.at("pid").get_to(process.pid);
  json.at("start_time").get_to(process.start_time);
}
// NOLINTEND(misc-use-anonymous-namespace)

}  // namespace mockdev

namespace mockdev::lab {
namespace {

using Json = nlohmann::json;

constexpr ByteCount kMaxState = 64_MiB;

std::string current_boot() {
  return read_file("/proc/sys/kernel/random/boot_id", 1_KiB).value_or("");
}

Accelerator parse_accelerator(std::string_view text) {
  for (const auto accelerator : {Accelerator::kvm, Accelerator::tcg}) {
    if (text == to_string(accelerator)) return accelerator;
  }
  return Accelerator::automatic;
}

Json node_json(const NodeState& node) {
  return {{"name", node.name},
          {"devices", node.devices},
          {"qemu", node.qemu},
          {"ssh", node.ssh},
          {"command", node.command}};
}

NodeState node_of(const Json& json) {
  return {.name = json.at("name").get<std::string>(),
          .devices = json.at("devices").get<unsigned>(),
          .qemu = json.at("qemu").get<ProcessId>(),
          .ssh = json.at("ssh").get<ProcessId>(),
          .command = json.at("command").get<std::vector<std::string>>()};
}

Json kubernetes_json(const KubernetesState& kubernetes) {
  Json components = Json::array();
  for (const ComponentState& component : kubernetes.components) {
    components.push_back({{"name", component.name}, {"process", component.process}});
  }
  return {{"version", kubernetes.version},
          {"programs", kubernetes.programs.native()},
          {"server", kubernetes.server},
          {"kmm", kubernetes.kmm},
          {"components", std::move(components)}};
}

KubernetesState kubernetes_of(const Json& json) {
  KubernetesState kubernetes{.version = json.at("version").get<std::string>(),
                             .programs = json.at("programs").get<std::string>(),
                             .server = json.at("server").get<std::string>(),
                             // Labs that an earlier version started have none.
                             .kmm = json.value("kmm", false),
                             .components = {}};
  for (const Json& component : json.at("components")) {
    kubernetes.components.push_back({.name = component.at("name").get<std::string>(),
                                     .process = component.at("process").get<ProcessId>()});
  }
  return kubernetes;
}

LabState state_of(const Json& json) {
  LabState state{
      .topology = json.at("topology").get<std::string>(),
      .accelerator = parse_accelerator(json.at("accelerator").get<std::string>()),
      .started =
          std::chrono::sys_seconds(std::chrono::seconds(json.at("started").get<std::int64_t>())),
      .ready = json.at("ready").get<bool>(),
      .server = json.at("server").get<ProcessId>(),
      .nodes = {},
      .kubernetes = {},
  };
  for (const Json& node : json.at("nodes")) state.nodes.push_back(node_of(node));
  if (json.contains("kubernetes")) state.kubernetes = kubernetes_of(json.at("kubernetes"));
  return state;
}

void forget_processes(LabState& state) {
  state.server = {};
  for (NodeState& node : state.nodes) {
    node.qemu = {};
    node.ssh = {};
  }
  if (!state.kubernetes) return;
  for (ComponentState& component : state.kubernetes->components) component.process = {};
}

}  // namespace

unsigned devices_at_boot(const LabState& state, const NodeState& node) {
  return state.kubernetes && state.kubernetes->kmm ? 0 : node.devices;
}

std::string to_json(const LabState& state, std::string_view boot) {
  Json json = {
      {"boot", boot},
      {"topology", state.topology},
      {"accelerator", to_string(state.accelerator)},
      {"started", state.started.time_since_epoch().count()},
      {"ready", state.ready},
      {"server", state.server},
      {"nodes", Json::array()},
  };
  for (const NodeState& node : state.nodes) json["nodes"].push_back(node_json(node));
  if (state.kubernetes) json["kubernetes"] = kubernetes_json(*state.kubernetes);
  return json.dump(2) + "\n";
}

Result<LabState> from_json(std::string_view text, std::string_view boot) {
  try {
    const Json json = Json::parse(text);
    LabState state = state_of(json);
    if (json.at("boot").get<std::string>() != boot) forget_processes(state);
    return state;
  } catch (const Json::exception& error) {
    return fail("{}", error.what());
  }
}

Result<void> write_state(const RunFolder& folder, const LabState& state) {
  return write_file(folder.state(), to_json(state, current_boot()), 0600);
}

Result<std::optional<LabState>> read_state(const RunFolder& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder.path(), ignored)) return std::nullopt;
  if (!std::filesystem::exists(folder.state(), ignored)) return LabState{};
  const auto text = read_file(folder.state(), kMaxState);
  if (!text) return std::unexpected(text.error());
  auto state = from_json(*text, current_boot());
  if (!state) {
    return fail("{}: damaged ({}); stop what runs of this lab by hand and remove its folder",
                folder.state().native(), state.error().message);
  }
  return std::move(*state);
}

}  // namespace mockdev::lab
