// SPDX-License-Identifier: Apache-2.0
#include "cli/source.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/ranges.h>

#include "cli/host_name.h"
#include "control/client.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSysfs = "/sys";

Listing from_kernel(const fs::path& sysfs, discovery::Inventory inventory) {
  Listing listing;
  listing.machine = sysfs == kSysfs ? host_name() : sysfs.native();
  for (const auto& device : inventory.devices) listing.devices.push_back(cli::from_kernel(device));
  listing.problems = std::move(inventory.problems);
  return listing;
}

Result<Listing> list_kernel(const fs::path& sysfs) {
  discovery::Inventory inventory = discovery::discover(sysfs);
  if (!inventory.module_loaded) {
    return fail("{}: no such folder: the kernel module mock-accel is not loaded there",
                (sysfs / "class" / "mock-accel").native());
  }
  return from_kernel(sysfs, std::move(inventory));
}

/// The name that an element of the server's list has, for a complaint about it.
std::string name_of(const nlohmann::json& element) {
  const auto name = element.find("name");
  return name != element.end() && name->is_string() ? name->get<std::string>() : "a device";
}

/// A device of the server's list, and its VFs; nothing if there is something wrong with any.
Result<void> add_with_vfs(const nlohmann::json& element, std::vector<Accelerator>& devices) {
  auto pf = from_server(element);
  if (!pf) return std::unexpected(pf.error());
  auto vfs = vfs_from_server(element, *pf);
  if (!vfs) return std::unexpected(vfs.error());
  devices.push_back(*std::move(pf));
  std::ranges::move(*vfs, std::back_inserter(devices));
  return {};
}

Result<Listing> list_server(const fs::path& control) {
  auto client = control::Client::connect(control);
  if (!client) return std::unexpected(client.error());
  const auto reply = client->call({{"verb", "list"}});
  if (!reply) return std::unexpected(reply.error());

  Listing listing;
  listing.from_server = true;
  const auto devices = reply->find("devices");
  if (devices == reply->end() || !devices->is_array()) {
    return fail("{}: the server's answer to \"list\" has no devices: is it of another version?",
                control.native());
  }
  for (const auto& element : *devices) {
    if (auto added = add_with_vfs(element, listing.devices); !added) {
      listing.problems.push_back({.device = name_of(element), .message = added.error().message});
    }
  }
  return listing;
}

Result<std::vector<std::string>> running_labs() {
  const auto labs = lab::status();
  if (!labs) return std::unexpected(labs.error());
  std::vector<std::string> names;
  for (const auto& lab : *labs) {
    if (lab.state == lab::State::running) names.push_back(lab.name);
  }
  return names;
}

/// The only name, or why there is not just one. `none` is the error without any.
Result<std::string> only(const std::vector<std::string>& names, const std::string& none) {
  if (names.size() == 1) return names.front();
  if (names.empty()) return fail("{}", none);
  return fail("there are several labs ({}): name one with --lab", fmt::join(names, ", "));
}

Result<fs::path> control_of_only_lab(const std::string& none) {
  const auto labs = running_labs();
  if (!labs) return std::unexpected(labs.error());
  const auto name = only(*labs, none);
  if (!name) return std::unexpected(name.error());
  return lab::control_socket(*name);
}

/// The control socket that the command line names, if it does.
std::optional<Result<fs::path>> named_server(const Source& source) {
  if (source.control) return *source.control;
  if (source.lab) return lab::control_socket(*source.lab);
  return std::nullopt;
}

}  // namespace

Result<Listing> list_devices(const Source& source) {
  if (source.sysfs) return list_kernel(*source.sysfs);
  auto control = named_server(source);
  if (!control) {
    discovery::Inventory here = discovery::discover(kSysfs);
    if (here.module_loaded) return from_kernel(kSysfs, std::move(here));
    control = control_of_only_lab(
        "no accelerators here: the kernel module mock-accel is not loaded on this machine, and no "
        "lab runs; start one with \"mock-device up\", or name a source with --control or --sysfs");
  }
  if (!*control) return std::unexpected(control->error());
  return list_server(**control);
}

Result<fs::path> find_server(const Source& source) {
  if (auto control = named_server(source)) return *control;
  if (discovery::discover(kSysfs).module_loaded) {
    return fail(
        "faults are injected from the host, and this is a guest: run this command where "
        "mock-accel-server runs");
  }
  return control_of_only_lab(
      "no lab runs: start one with \"mock-device up\", or name a server with --control");
}

Result<std::string> find_lab(const std::optional<std::string>& name) {
  if (name) return *name;
  const auto labs = lab::status();
  if (!labs) return std::unexpected(labs.error());
  std::vector<std::string> names;
  for (const auto& lab : *labs) names.push_back(lab.name);
  return only(names, "there is no lab: start one with \"mock-device up\"");
}

}  // namespace mockdev::cli
