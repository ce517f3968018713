// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "doctor/compatibility.h"
#include "doctor/node.h"
#include "mock_accel.h"
#include "mock_accel_fabric.h"

namespace mockdev::doctor {
namespace {

namespace fs = std::filesystem;

/// A kind of PCI function that mock-device makes. Its numbers are defaults: a server may have
/// others.
struct Kind {
  unsigned device_id;
  std::string_view name;    ///< of several
  std::string_view driver;  ///< that it is for
};
constexpr std::array<Kind, 3> kKinds = {{
    {MOCK_FABRIC_PCI_DEVICE, "bridges", "mock-accel-fabric"},
    {MOCK_ACCEL_PCI_DEVICE_PF, "PFs", "mock-accel"},
    {MOCK_ACCEL_PCI_DEVICE_VF, "VFs", "mock-accel"},
}};

/// A vendor's or device's number as its file in sysfs has it: "0x1de5".
std::string sysfs_text(unsigned number) {
  return fmt::format("{:#06x}", number);
}

/// Folders in sysfs of the functions of mock-device's vendor, by their device's number.
std::map<std::string, std::vector<fs::path>> functions_by_device(const fs::path& bus) {
  std::map<std::string, std::vector<fs::path>> functions;
  auto names = names_in(bus);
  if (!names) return functions;
  std::ranges::sort(*names);
  for (const std::string& name : *names) {
    if (read_text(bus / name / "vendor").value_or("") != sysfs_text(MOCK_ACCEL_PCI_VENDOR))
      continue;
    functions[read_text(bus / name / "device").value_or("")].push_back(bus / name);
  }
  return functions;
}

/// Reports functions that their driver does not have. True: there were some.
bool report_without_driver(const NodeView& view, Report& report, const Kind& kind,
                           const std::vector<fs::path>& functions) {
  const auto has_driver = [](const fs::path& function) { return is_there(function / "driver"); };
  const auto count =
      functions.size() - static_cast<std::size_t>(std::ranges::count_if(functions, has_driver));
  if (count == 0) return false;
  const std::string first = std::ranges::find_if_not(functions, has_driver)->filename().native();
  std::string module(kind.driver);
  std::ranges::replace(module, '-', '_');  // as sysfs spells it
  const bool is_loaded = is_there(sysfs_folder(view, "module") / module);
  const std::string probe_again = fmt::format(
      "the module is loaded: dmesg | grep {0} says why it did not take this one; where nothing "
      "does: echo {1} >/sys/bus/pci/devices/{0}/driver_override, then echo {0} "
      ">/sys/bus/pci/drivers_probe",
      first, kind.driver);
  report.add(Severity::error, view.settings.name,
             fmt::format("{} of {} {} have no driver; {} is one", count, functions.size(),
                         kind.name, first),
             {.needed = fmt::format("the module {} with each of them", kind.driver),
              .remedy = is_loaded ? probe_again : compatibility().row("module").advice.remedy});
  return true;
}

}  // namespace

void check_pci(const NodeView& view, Report& report) {
  auto found = functions_by_device(sysfs_folder(view, "bus") / "pci/devices");
  std::string counts;
  bool well = true;
  for (const Kind& kind : kKinds) {
    const std::vector<fs::path>& functions = found[sysfs_text(kind.device_id)];
    if (functions.empty()) continue;
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", functions.size(), kind.name);
    well = !report_without_driver(view, report, kind, functions) && well;
  }
  if (!well) return;
  if (!counts.empty()) {
    report.ok(view.settings.name, counts + " on the PCI bus, with drivers");
  } else if (!view.inventory.devices.empty()) {
    report.ok(view.settings.name, "PCI functions with numbers of their own");
  } else {
    // An agent runs on each node, and not each has to have a device; who asks on the node itself
    // looks for one.
    report.add(view.settings.confined ? Severity::note : Severity::warning, view.settings.name,
               "no accelerator is on the PCI bus, and no bridge to some",
               compatibility().row("accelerators").advice);
  }
}

void check_sysfs(const NodeView& view, Report& report) {
  for (const discovery::Problem& problem : view.inventory.problems) {
    report.add(
        Severity::error, view.settings.name, fmt::format("{}: {}", problem.device, problem.message),
        {.needed = "readable attributes", .remedy = compatibility().row("versions").advice.remedy});
  }
  const fs::path folder = view.settings.sysfs / "class/mock-accel";
  for (const discovery::Device& device : view.inventory.devices) {
    const fs::path owner = folder / device.name / "owner";
    if (::access(owner.c_str(), W_OK) == 0) continue;
    report.add(Severity::error, view.settings.name,
               fmt::format("{}: can't be written: {}", owner.native(),
                           std::generic_category().message(errno)),
               {.needed = "owner is written to hand a device out",
                .remedy = "run as root; in a pod mount /sys/devices for writing, as "
                          "deploy/node-agent.yaml does"});
    return;  // the others are alike
  }
  report.ok(view.settings.name, fmt::format("{} devices", view.inventory.devices.size()));
}

void check_nodes_of_devices(const NodeView& view, Report& report) {
  if (view.settings.confined && !view.inventory.devices.empty() &&
      !is_there(view.settings.dev / view.inventory.devices[0].name)) {
    report_unseen(view, report, "the device nodes");
    return;
  }
  for (const discovery::Device& device : view.inventory.devices) {
    const fs::path node = view.settings.dev / device.name;
    if (is_there(node)) continue;
    report.add(Severity::error, view.settings.name, fmt::format("{} is missing", node.native()),
               {.needed = "a device node for each device",
                .remedy = "see that devtmpfs is mounted on /dev and udev runs"});
    return;
  }
  report.ok(view.settings.name, "each device has its node");
}

}  // namespace mockdev::doctor
