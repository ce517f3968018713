// SPDX-License-Identifier: Apache-2.0
#include "doctor/node.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/file.h"
#include "doctor/compatibility.h"

namespace mockdev::doctor {
namespace {

namespace fs = std::filesystem;

const CompatibilityRow& row(std::string_view id) {
  return compatibility().row(id);
}

// ---- The kernel and its module ----

void check_kernel(const NodeView& view, Report& report) {
  if (view.kernel.empty()) {
    report_unseen(view, report, "the kernel's version");
    return;
  }
  report_version(report, view.settings.name, view.kernel, row("kernel"));
}

void check_headers(const NodeView& view, Report& report) {
  const fs::path modules = view.settings.root / "lib/modules" / view.kernel;
  if (is_there(modules / "build")) {
    report.ok(view.settings.name, fmt::format("headers of {} are there", view.kernel));
  } else if (view.settings.confined && !is_there(modules)) {
    report_unseen(view, report, "the folder of the kernel's modules");
  } else {
    // A module that was made elsewhere needs none.
    report.add(Severity::note, view.settings.name,
               fmt::format("no headers of {}: no module can be built here", view.kernel),
               row("headers").advice);
  }
}

void check_module(const NodeView& view, Report& report) {
  if (!view.inventory.module_loaded) {
    report.add(Severity::error, view.settings.name, "the module mock-accel is not loaded",
               row("module").advice);
    return;
  }
  const auto version = read_text(sysfs_folder(view, "module") / "mock_accel/version");
  if (!version) {
    report.ok(view.settings.name, "mock-accel is loaded, of unknown version");
  } else if (*version != MOCK_DEVICE_VERSION) {
    report.add(Severity::warning, view.settings.name,
               fmt::format("mock-accel is {}, this program {}", *version, MOCK_DEVICE_VERSION),
               row("versions").advice);
  } else {
    report.ok(view.settings.name, fmt::format("mock-accel {} is loaded", *version));
  }
}

void check_abi(const NodeView& view, Report& report) {
  const NodeSettings& settings = view.settings;
  const auto is_foreign = [&](const discovery::Device& device) {
    return device.abi_version < settings.oldest_abi || device.abi_version > settings.newest_abi;
  };
  const auto foreign = std::ranges::find_if(view.inventory.devices, is_foreign);
  if (foreign != view.inventory.devices.end()) {
    report.add(Severity::error, settings.name,
               fmt::format("{} has ABI {}", foreign->name, foreign->abi_version),
               {.needed = fmt::format("ABI {} to {}", settings.oldest_abi, settings.newest_abi),
                .remedy = row("versions").advice.remedy});
  } else {
    report.ok(settings.name, view.inventory.devices.empty()
                                 ? "no device to ask"
                                 : fmt::format("ABI {}", view.inventory.devices[0].abi_version));
  }
}

/// A bit of /proc/sys/kernel/tainted after which a kernel is not to be trusted.
struct Taint {
  unsigned bit;
  std::string_view meaning;
};
constexpr std::array<Taint, 5> kTaints = {{
    {1, "a module was loaded by force"},
    {5, "a bad page was found"},
    {7, "it has died (oops) before"},
    {9, "it has warned before"},
    {14, "a processor hung before"},
}};

void check_taint(const NodeView& view, Report& report) {
  const auto text = read_text(view.settings.root / "proc/sys/kernel/tainted");
  std::uint64_t bits = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), bits).ec != std::errc{}) {
    report_unseen(view, report, "whether the kernel is tainted");
    return;
  }
  std::vector<std::string_view> meanings;
  for (const Taint& taint : kTaints) {
    if ((bits >> taint.bit & 1U) != 0) meanings.push_back(taint.meaning);
  }
  if (meanings.empty()) {
    report.ok(view.settings.name, bits == 0 ? "not tainted" : "tainted by foreign modules only");
    return;
  }
  report.add(Severity::warning, view.settings.name,
             fmt::format("the kernel is tainted: {}", fmt::join(meanings, ", ")),
             {.needed = "a kernel that has had no accident since its start",
              .remedy = "look at dmesg, report what is of mock-accel, start the node anew"});
}

// ---- The kubelet and the container runtime ----

void check_folder(const NodeView& view, Report& report, const fs::path& folder, bool may_lack) {
  std::error_code ignored;
  if (fs::is_directory(folder, ignored)) {
    if (::access(folder.c_str(), W_OK) == 0) {
      report.ok(view.settings.name, folder.native());
    } else {
      report.add(Severity::error, view.settings.name,
                 fmt::format("{}: can't be written: {}", folder.native(),
                             std::generic_category().message(errno)),
                 row("paths").advice);
    }
  } else if (may_lack) {
    report.ok(view.settings.name, fmt::format("{} is made when it is needed", folder.native()));
  } else {
    report.add(Severity::error, view.settings.name,
               fmt::format("{} is not there: no kubelet has run here", folder.native()),
               row("paths").advice);
  }
}

void check_paths(const NodeView& view, Report& report) {
  check_folder(view, report, view.settings.plugins_folder, false);
  check_folder(view, report, view.settings.registry_folder, false);
  check_folder(view, report, view.settings.cdi_root, true);
}

std::optional<std::string> output_of(const NodeView& view, const std::vector<std::string>& argv) {
  if (!view.settings.run) return std::nullopt;
  auto output = view.settings.run(argv);
  if (!output) return std::nullopt;
  return std::move(*output);
}

/// The version that a program says of itself: its first line has it.
std::optional<std::string> version_of(const NodeView& view, const std::string& program) {
  const auto output = output_of(view, {program, "--version"});
  if (!output) return std::nullopt;
  const auto version = find_version(*output);
  return version ? to_string(*version) : std::string();
}

enum class Switch : std::uint8_t { unset, off, on };

/// enable_cdi of containerd's configuration: `containerd config dump` has all of it, the file what
/// somebody wrote.
Switch cdi_switch(const NodeView& view) {
  auto text = output_of(view, {"containerd", "config", "dump"});
  if (!text) text = read_text(view.settings.root / "etc/containerd/config.toml").value_or("");
  std::erase_if(*text, [](char c) { return c == ' ' || c == '\t'; });
  if (text->contains("\nenable_cdi=true")) return Switch::on;
  return text->contains("\nenable_cdi=false") ? Switch::off : Switch::unset;
}

void check_cdi_switch(const NodeView& view, Report& report, const std::string& version) {
  constexpr unsigned kFirstWithCdiOn = 2;
  const Switch cdi = cdi_switch(view);
  const auto parsed = find_version(version);
  const bool on_by_default = parsed && parsed->major >= kFirstWithCdiOn;
  if (cdi == Switch::on || (cdi == Switch::unset && on_by_default)) {
    report.ok(view.settings.name, "containerd has CDI on");
  } else {
    report.add(Severity::error, view.settings.name,
               fmt::format("containerd {} has CDI off", version), row("containerd").advice);
  }
}

void check_runtime(const NodeView& view, Report& report) {
  const auto containerd = version_of(view, "containerd");
  if (containerd) {
    report_version(report, view.settings.name, *containerd, row("containerd"));
    check_cdi_switch(view, report, *containerd);
  }
  const auto crio = version_of(view, "crio");
  if (crio) report_version(report, view.settings.name, *crio, row("cri-o"));
  if (containerd || crio) return;
  if (!view.settings.run) {
    report_unseen(view, report, "the container runtime");
  } else {
    report.add(Severity::warning, view.settings.name, "neither containerd nor CRI-O is here",
               row("docker").advice);
  }
}

void check_oci_runtime(const NodeView& view, Report& report) {
  std::vector<std::string> found;
  for (const char* const program : {"runc", "crun"}) {
    const auto version = version_of(view, program);
    if (version) found.push_back(fmt::format("{} {}", program, *version));
  }
  if (!found.empty()) {
    report.ok(view.settings.name, fmt::format("{}", fmt::join(found, ", ")));
  } else if (!view.settings.run) {
    report_unseen(view, report, "the OCI runtime");
  } else {
    report.add(Severity::warning, view.settings.name, "neither runc nor crun is here",
               row("oci-runtime").advice);
  }
}

constexpr std::array<Check<NodeView>, 14> kNodeChecks = {{
    {"node.kernel", "the kernel's version", check_kernel},
    {"node.headers", "the headers to build the module with", check_headers},
    {"node.module", "the kernel module: loaded, and of which version", check_module},
    {"node.abi", "the ABI of the module's devices", check_abi},
    {"node.taint", "whether the kernel has had an accident", check_taint},
    {"node.secure-boot", "Secure Boot and lockdown", check_secure_boot},
    {"node.pci", "devices and bridges on the PCI bus, and their drivers", check_pci},
    {"node.sysfs", "the devices' attributes: readable, and owner writable", check_sysfs},
    {"node.device-nodes", "/dev/mockN of each device", check_nodes_of_devices},
    {"node.paths", "the kubelet's folders and that for CDI files", check_paths},
    {"node.runtime", "containerd or CRI-O, and whether CDI is on", check_runtime},
    {"node.oci-runtime", "runc or crun", check_oci_runtime},
    {"node.selinux", "SELinux's mode, and what it has refused", check_selinux},
    {"node.apparmor", "AppArmor, and what it has refused", check_apparmor},
}};

}  // namespace

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

fs::path sysfs_folder(const NodeView& view, std::string_view name) {
  const fs::path own = view.settings.sysfs / name;
  return is_there(own) ? own : view.settings.root / "sys" / name;
}

Result<std::string> read_text(const fs::path& path) {
  constexpr ByteCount kMost = 1_MiB;
  auto text = read_file(path, kMost);
  if (!text) return text;
  while (!text->empty() && std::isspace(static_cast<unsigned char>(text->back())) != 0) {
    text->pop_back();
  }
  return text;
}

void report_unseen(const NodeView& view, Report& report, const std::string& what) {
  report.add(Severity::note, view.settings.name,
             view.settings.confined ? fmt::format("{} can't be seen from the agent's pod", what)
                                    : fmt::format("{} can't be seen", what),
             {.needed = {}, .remedy = "mock-device doctor --node, as root on the node, shows it"});
}

void check_node(const NodeSettings& settings, Report& report) {
  const NodeView view{.settings = settings,
                      .kernel = read_text(settings.root / "proc/sys/kernel/osrelease").value_or(""),
                      .inventory = discovery::discover(settings.sysfs)};
  run_checks(kNodeChecks, view, report);
}

std::vector<CheckText> node_checks() {
  return texts_of(kNodeChecks);
}

}  // namespace mockdev::doctor
