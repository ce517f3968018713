// SPDX-License-Identifier: Apache-2.0
#include "server/plan.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/ranges.h>
#include <sys/un.h>

#include "accel/capabilities.h"
#include "base/log.h"
#include "control/protocol.h"
#include "mock_accel.h"

namespace mockdev::server {
namespace {

constexpr int kWrongUsage = 2;

constexpr const char* kDescription =
    "Serves mock accelerators to virtual machines: each device behind a vfio-user socket of its "
    "own, all of them in one process.";

/// The command line as it was given.
struct Flags {
  std::string topology;
  std::string node;
  std::string socket_dir;

  std::string socket;
  std::string uuid;
  std::string memory = "16GiB";
  unsigned vfs = topology::kDefaultVfs;
  std::vector<std::string> capabilities = {"compute"};
  unsigned numa = 0;

  std::string control;
  std::string log_level = "info";
  std::optional<std::uint16_t> vendor;
  std::optional<std::uint16_t> pf_device;
  std::optional<std::uint16_t> vf_device;
  bool no_sandbox = false;
  bool dry_run = false;
};

void add_flags(CLI::App& app, Flags& flags) {
  const std::string of_topology = "Devices of a topology file";
  auto* const topology = app.add_option("--topology", flags.topology, "Topology file (YAML)")
                             ->type_name("FILE")
                             ->group(of_topology);
  app.add_option("--node", flags.node, "Serve only the devices of this node")
      ->type_name("NAME")
      ->needs(topology)
      ->group(of_topology);
  app.add_option("--socket-dir", flags.socket_dir,
                 "Folder for the sockets, NODE-numaN.sock or NODE-DEVICE.sock")
      ->type_name("FOLDER")
      ->needs(topology)
      ->group(of_topology);

  const std::string of_flags = "One device";
  auto* const socket = app.add_option("--socket", flags.socket, "Socket of the device")
                           ->type_name("PATH")
                           ->excludes(topology)
                           ->group(of_flags);
  const auto of_device = [&](CLI::Option* option) { option->needs(socket)->group(of_flags); };
  of_device(app.add_option("--uuid", flags.uuid, "UUID of the device")->type_name("UUID"));
  of_device(app.add_option("--memory", flags.memory, "Memory, such as 512MiB")
                ->type_name("SIZE")
                ->capture_default_str());
  of_device(app.add_option("--vfs", flags.vfs, "VFs that it can have")
                ->capture_default_str()
                ->check(CLI::Range(0, MOCK_ACCEL_MAX_VFS)));
  of_device(app.add_option("--capabilities", flags.capabilities,
                           "Of compute, encryption, compression and p2p")
                ->type_name("NAMES")
                ->capture_default_str()
                ->delimiter(','));
  of_device(app.add_option("--numa", flags.numa, "NUMA node that it is listed under")
                ->capture_default_str()
                ->check(CLI::Range(0U, topology::kMaxNumaNodes - 1)));

  app.add_option("--control", flags.control,
                 "Control socket (default: control.sock in the socket folder; none for one device)")
      ->type_name("PATH");
  const auto id_range = CLI::Range(1, 0xfffe);
  app.add_option("--vendor", flags.vendor, "PCI vendor id")->check(id_range);
  app.add_option("--pf-device", flags.pf_device, "PCI device id of PFs")->check(id_range);
  app.add_option("--vf-device", flags.vf_device, "PCI device id of VFs")->check(id_range);
  app.add_option("--log-level", flags.log_level, std::string(kLogLevels))
      ->type_name("LEVEL")
      ->capture_default_str();
  app.add_flag("--no-sandbox", flags.no_sandbox, "Keep all system calls and files, for debugging");
  app.add_flag("--dry-run", flags.dry_run, "Check everything, say what would be served and exit");
}

/// --socket-dir can also be given as MOCK_ACCEL_SERVER_SOCKET_DIR, and so on for all.
void add_environment(CLI::App& app) {
  for (CLI::Option* const option : app.get_options()) {
    const std::string name = option->get_single_name();
    if (name == "help" || name == "version") continue;
    std::string variable = "MOCK_ACCEL_SERVER_" + name;
    std::ranges::transform(variable, variable.begin(), [](unsigned char c) {
      return c == '-' ? '_' : static_cast<char>(std::toupper(c));
    });
    option->envname(variable);
  }
}

Result<std::uint32_t> capability_bits(const std::vector<std::string>& names) {
  std::uint32_t bits = 0;
  for (const std::string& name : names) {
    if (name.empty()) continue;  // --capabilities "": none
    const auto bit = topology::parse_capability(name);
    if (!bit) return with_context("--capabilities", bit.error());
    bits |= *bit;
  }
  return bits;
}

Result<std::vector<Placement>> place_one(const Flags& flags) {
  if (flags.uuid.empty()) return fail("--uuid is required with --socket");
  const auto uuid = parse_uuid(flags.uuid);
  if (!uuid) return with_context("--uuid", uuid.error());
  if (uuid->is_nil()) return fail("--uuid: the nil UUID is no device's");
  const auto memory = topology::parse_memory(flags.memory);
  if (!memory) return with_context("--memory", memory.error());
  const auto capabilities = capability_bits(flags.capabilities);
  if (!capabilities) return std::unexpected(capabilities.error());
  const auto vfs = static_cast<std::uint16_t>(flags.vfs);
  return std::vector<Placement>{{
      .node = "node0",
      .numa = flags.numa,
      .device = {.name = "mock0",
                 .uuid = *uuid,
                 .memory = *memory,
                 .vfs = vfs,
                 .vf_memory = topology::even_share(*memory, vfs),
                 .capabilities = *capabilities,
                 .slot = 1},
      .socket = flags.socket,
  }};
}

/// Empty in a dry run that has no folder.
std::filesystem::path socket_path(const Flags& flags, const topology::Node& node,
                                  const topology::NumaNode& numa, const topology::Device& device) {
  if (flags.socket_dir.empty()) return {};
  return std::filesystem::path(flags.socket_dir) / topology::socket_name(node, numa, device);
}

Result<std::vector<Placement>> place_all(const Flags& flags, const topology::Topology& topology) {
  std::vector<Placement> placements;
  std::vector<std::string_view> names;
  for (const topology::Node& node : topology.nodes) {
    names.push_back(node.name);
    if (!flags.node.empty() && node.name != flags.node) continue;
    for (const topology::NumaNode& numa : node.numa) {
      for (const topology::Device& device : numa.devices) {
        placements.push_back({.node = node.name,
                              .numa = numa.id,
                              .device = device,
                              .attach = node.attach,
                              .segment = topology::fabric_segment(numa),
                              .socket = socket_path(flags, node, numa, device)});
      }
    }
  }
  if (!flags.node.empty() && std::ranges::find(names, flags.node) == names.end()) {
    return fail("--node {}: no such node in {}; there are {}", flags.node, flags.topology,
                fmt::join(names, ", "));
  }
  if (placements.empty()) return fail("{}: no devices to serve", flags.topology);
  return placements;
}

Result<void> check_sockets(const Plan& plan) {
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  const auto check = [&](const std::filesystem::path& path) -> Result<void> {
    if (path.native().size() <= kLongest) return {};
    return fail("{}: path of {} bytes; a socket's can have {}", path.native(), path.native().size(),
                kLongest);
  };
  for (const Placement& placement : plan.devices) {
    if (auto checked = check(placement.socket); !checked) return checked;
  }
  return plan.control ? check(*plan.control) : Result<void>();
}

std::optional<std::filesystem::path> control_path(const Flags& flags) {
  if (!flags.control.empty()) return flags.control;
  if (flags.socket_dir.empty()) return std::nullopt;
  return std::filesystem::path(flags.socket_dir) / control::kSocketName;
}

/// `ids` with what the command line says instead.
topology::PciIds chosen_ids(const Flags& flags, topology::PciIds ids) {
  return {.vendor = flags.vendor.value_or(ids.vendor),
          .pf_device = flags.pf_device.value_or(ids.pf_device),
          .vf_device = flags.vf_device.value_or(ids.vf_device)};
}

/// The flags that have to be there, and what CLI11 can't say of them.
Result<void> check_presence(const Flags& flags) {
  if (flags.topology.empty() && flags.socket.empty()) {
    return fail("one of --topology and --socket is required; --help has more");
  }
  if (flags.socket.empty() && flags.socket_dir.empty() && !flags.dry_run) {
    return fail("--socket-dir is required with --topology");
  }
  return {};
}

/// `topology`: null for one device by flags.
Result<Plan> plan_of(const Flags& flags, const topology::Topology* topology) {
  auto devices = topology == nullptr ? place_one(flags) : place_all(flags, *topology);
  if (!devices) return std::unexpected(devices.error());
  Plan plan;
  plan.ids = chosen_ids(flags, topology == nullptr ? topology::kDefaultIds : topology->ids);
  plan.devices = *std::move(devices);
  plan.control = control_path(flags);
  plan.log_level = flags.log_level;
  plan.sandbox = !flags.no_sandbox;
  plan.dry_run = flags.dry_run;
  if (auto checked = check_sockets(plan); !checked) return std::unexpected(checked.error());
  return plan;
}

std::unexpected<Refusal> refuse(std::string_view reason) {
  return std::unexpected(
      Refusal{.exit_code = kWrongUsage, .text = fmt::format("mock-accel-server: {}\n", reason)});
}

std::string capability_text(std::uint32_t bits) {
  std::vector<std::string_view> names;
  for (const accel::Capability& capability : accel::kCapabilities) {
    if ((bits & capability.bit) != 0) names.push_back(capability.name);
  }
  return names.empty() ? "no capabilities" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::expected<Plan, Refusal> make_plan(int argc, const char* const* argv) {
  Flags flags;
  CLI::App app(kDescription, "mock-accel-server");
  app.set_version_flag("--version", std::string(MOCK_DEVICE_VERSION));
  app.footer(
      "Every flag can also be given as a variable: --socket-dir as "
      "MOCK_ACCEL_SERVER_SOCKET_DIR, and so on.");
  add_flags(app, flags);
  add_environment(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return std::unexpected(Refusal{.exit_code = 0, .text = app.help()});
  } catch (const CLI::CallForVersion&) {
    return std::unexpected(Refusal{.exit_code = 0, .text = app.version() + "\n"});
  } catch (const CLI::Error& error) {
    return refuse(error.what());
  }
  if (auto present = check_presence(flags); !present) return refuse(present.error().message);

  std::optional<topology::Topology> topology;
  if (!flags.topology.empty()) {
    auto loaded = topology::load(flags.topology);
    // Each line begins with the file's name, as editors like it.
    if (!loaded) return std::unexpected(Refusal{kWrongUsage, loaded.error().message + "\n"});
    topology = *std::move(loaded);
  }
  auto plan = plan_of(flags, topology ? &*topology : nullptr);
  if (!plan) return refuse(plan.error().message);
  return *std::move(plan);
}

std::string full_name(const Placement& place) {
  return fmt::format("{}/{}", place.node, place.device.name);
}

std::string describe(const Plan& plan) {
  std::string text;
  for (const auto& [node, numa, device, attach, segment, socket] : plan.devices) {
    text += fmt::format("{}/{} numa{} slot {}: {}, {}, {} VFs, {}", node, device.name, numa,
                        device.slot, device.uuid, device.memory, device.vfs,
                        capability_text(device.capabilities));
    const std::size_t planned = device.faults.size();
    if (planned > 0) text += fmt::format(", {} planned fault{}", planned, planned == 1 ? "" : "s");
    text += socket.empty() ? "\n" : fmt::format(", {}\n", socket.native());
  }
  return text +
         fmt::format("OK: {} device{}\n", plan.devices.size(), plan.devices.size() == 1 ? "" : "s");
}

}  // namespace mockdev::server
