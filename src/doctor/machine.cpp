// SPDX-License-Identifier: Apache-2.0
#include "doctor/machine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <ranges>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "base/units.h"
#include "doctor/compatibility.h"

namespace mockdev::doctor {
namespace {

namespace fs = std::filesystem;

constexpr const char* kThisMachine = "this machine";
constexpr ByteCount kMostOfProc = 1_MiB;

const CompatibilityRow& machine_row(std::string_view id) {
  return compatibility().row(id);
}

std::string proc_text(const MachineSettings& machine, const fs::path& path) {
  return read_file(machine.root / "proc" / path, kMostOfProc).value_or("");
}

/// The rest of the line that begins with `key`.
std::string value_after(std::string_view text, std::string_view key) {
  for (const auto part : std::views::split(text, '\n')) {
    const std::string_view line(part.begin(), part.end());
    if (line.starts_with(key)) return std::string(line.substr(key.size()));
  }
  return "";
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  std::from_chars(text.data() + begin, text.data() + text.size(), number);
  return number;
}

/// What is less than a row's `oldest` slows labs down, or keeps large ones from starting.
void report_amount(Report& report, std::uint64_t amount, const CompatibilityRow& row,
                   const std::string& found) {
  if (amount >= row.oldest.value_or(Version{}).major) {
    report.ok(kThisMachine, found);
  } else {
    report.add(Severity::warning, kThisMachine, found, row.advice);
  }
}

void check_system(const MachineSettings& machine, Report& report) {
  const std::string text = read_file(machine.root / "etc/os-release", kMostOfProc).value_or("");
  std::string name = value_after(text, "PRETTY_NAME=");
  std::erase(name, '"');
  std::string version = value_after(text, "VERSION_ID=");
  std::erase(version, '"');
  if (value_after(text, "ID=") == "debian" && find_version(version)) {
    report_version(report, kThisMachine, version, machine_row("debian"));
  } else {
    report.add(Severity::note, kThisMachine, name.empty() ? "of unknown kind" : name,
               machine_row("debian").advice);
  }
}

void check_cores(const MachineSettings& machine, Report& report) {
  const std::string text = proc_text(machine, "cpuinfo");
  std::uint64_t cores = 0;
  for (const auto part : std::views::split(text, '\n')) {
    cores += std::string_view(part.begin(), part.end()).starts_with("processor") ? 1U : 0U;
  }
  report_amount(report, cores, machine_row("cores"), fmt::format("{} processors", cores));
}

void check_memory(const MachineSettings& machine, Report& report) {
  constexpr std::uint64_t kKibPerGib = 1U << 20U;
  const std::uint64_t gib =
      number_of(value_after(proc_text(machine, "meminfo"), "MemAvailable:")) / kKibPerGib;
  report_amount(report, gib, machine_row("memory"), fmt::format("{} GiB of memory are free", gib));
}

/// A cache that has an image needs no room for making one.
bool is_filled(const fs::path& cache) {
  const auto names = names_in(cache);
  return names && std::ranges::any_of(*names, [](const std::string& name) {
           return name.starts_with("guest-") && !name.ends_with(".log");
         });
}

void check_disk(const MachineSettings& machine, Report& report) {
  constexpr std::uint64_t kEnoughForRuns = 2;
  fs::path folder = machine.cache;
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  const auto space = fs::space(folder, error);
  if (error) {
    report.add(Severity::note, kThisMachine,
               fmt::format("{}: {}", folder.native(), error.message()));
    return;
  }
  const std::uint64_t gib = space.available >> 30U;
  const bool filled = is_filled(machine.cache);
  const std::string found = fmt::format("{} GiB are free for {}, {}", gib, machine.cache.native(),
                                        filled ? "which is filled" : "which is to be filled yet");
  if (filled && gib >= kEnoughForRuns) {
    report.ok(kThisMachine, found);
  } else {
    report_amount(report, gib, machine_row("disk"), found);
  }
}

void check_kvm(const MachineSettings& machine, Report& report) {
  if (machine.kvm) {
    report.ok(kThisMachine, "KVM works");
  } else {
    report.add(Severity::note, kThisMachine, machine.kvm.error().message,
               machine_row("kvm").advice);
  }
}

void check_qemu(const MachineSettings& machine, Report& report) {
  if (!machine.qemu.empty()) {
    report.ok(kThisMachine, machine.qemu);
  } else {
    report.add(Severity::note, kThisMachine, "no QEMU with vfio-user-pci yet",
               machine_row("qemu").advice);
  }
}

// ---- QEMU's that run ----

/// The words of a process's command line.
std::vector<std::string> words_of(const MachineSettings& machine, const std::string& pid) {
  const std::string text = proc_text(machine, fs::path(pid) / "cmdline");
  std::vector<std::string> words;
  for (const auto part : std::views::split(text, '\0'))
    words.emplace_back(part.begin(), part.end());
  return words;
}

/// Whether the server of a device can reach all memory of this machine. True also for what is no
/// machine with vfio-user devices.
bool shares_its_memory(const std::vector<std::string>& words) {
  const auto has = [&](std::string_view what) {
    return std::ranges::any_of(words, [&](const std::string& word) { return word.contains(what); });
  };
  if (!has("vfio-user-pci")) return true;
  if (!words[0].contains("qemu") && !has("qemu-system")) return true;
  const auto is_backend = [](const std::string& word) {
    return word.contains("memory-backend-") && !word.starts_with("memory-backend=");
  };
  // Both the form with commas and JSON.
  const auto is_shared = [](const std::string& word) {
    return word.contains("share=on") || word.contains("share=true") ||
           word.contains("\"share\":true") || word.contains("\"share\": true");
  };
  bool any = false;
  for (const std::string& word : words) {
    if (!is_backend(word)) continue;
    any = true;
    if (!is_shared(word)) return false;
  }
  return any;
}

void check_shared_memory(const MachineSettings& machine, Report& report) {
  unsigned machines = 0;
  for (const std::string& pid :
       names_in(machine.root / "proc").value_or(std::vector<std::string>())) {
    if (number_of(pid) == 0) continue;
    const auto words = words_of(machine, pid);
    if (words.empty()) continue;
    if (!shares_its_memory(words)) {
      report.add(Severity::error, fmt::format("process {}", pid),
                 "this QEMU has vfio-user-pci and memory that is not shared",
                 machine_row("shared-memory").advice);
    } else if (std::ranges::any_of(
                   words, [](const std::string& word) { return word.contains("vfio-user-pci"); })) {
      ++machines;
    }
  }
  report.ok(kThisMachine, fmt::format("{} running machines share their memory", machines));
}

// ---- What making a lab takes ----

void check_namespaces(const MachineSettings& machine, Report& report) {
  if (machine.is_root) {
    report.ok(kThisMachine, "root needs no user namespace");
    return;
  }
  const auto is = [&](const char* path, std::string_view value) {
    return proc_text(machine, path).starts_with(value);
  };
  if (is("sys/user/max_user_namespaces", "0\n")) {
    report.add(Severity::error, kThisMachine, "user.max_user_namespaces is 0",
               machine_row("namespaces").advice);
  } else if (is("sys/kernel/unprivileged_userns_clone", "0")) {
    report.add(Severity::error, kThisMachine, "kernel.unprivileged_userns_clone is 0",
               machine_row("namespaces").advice);
  } else if (is("sys/kernel/apparmor_restrict_unprivileged_userns", "1")) {
    report.add(Severity::error, kThisMachine, "kernel.apparmor_restrict_unprivileged_userns is 1",
               machine_row("namespaces").advice);
  } else {
    report.ok(kThisMachine, "users may have user namespaces");
  }
}

struct Program {
  std::string_view name;
  std::string_view package;
  bool for_root = true;
};
constexpr std::array<Program, 7> kPrograms = {{
    {"mmdebstrap", "mmdebstrap"},
    {"unshare", "util-linux"},
    {"mke2fs", "e2fsprogs"},
    {"ssh", "openssh-client"},
    {"ssh-keygen", "openssh-client"},
    {"openssl", "openssl"},
    {"newuidmap", "uidmap", false},
}};

void check_programs(const MachineSettings& machine, Report& report) {
  std::vector<std::string_view> missing;
  std::set<std::string_view> packages;
  for (const Program& program : kPrograms) {
    if ((machine.is_root && !program.for_root) || machine.has_program(program.name)) continue;
    missing.push_back(program.name);
    packages.insert(program.package);
  }
  if (missing.empty()) {
    report.ok(kThisMachine, "all programs are installed");
    return;
  }
  report.add(
      Severity::error, kThisMachine, fmt::format("not installed: {}", fmt::join(missing, ", ")),
      {.needed = machine_row("programs").advice.needed,
       .remedy =
           fmt::format("{} {}", machine_row("programs").advice.remedy, fmt::join(packages, " "))});
}

/// Only the chart takes Helm.
void check_helm(const MachineSettings& machine, Report& report) {
  const auto version = machine.run({"helm", "version", "--short"});
  if (version) {
    report_version(report, kThisMachine, version->substr(0, version->find_first_of("+\n")),
                   machine_row("helm"));
  } else {
    report.ok(kThisMachine, "Helm is not installed, which only the chart takes");
  }
}

void check_labs(const MachineSettings& machine, Report& report) {
  if (machine.labs.empty()) report.ok(kThisMachine, "no lab");
  for (const LabFacts& lab : machine.labs) {
    const std::string subject = fmt::format("lab {}", lab.name);
    const std::string remedy = fmt::format("mock-device down --lab {}", lab.name);
    if (lab.starting) {
      report.ok(subject, "is being started");
    } else if (lab.broken) {
      report.add(Severity::warning, subject, "something of it has died; the rest is still there",
                 {.needed = "all of a lab, or nothing", .remedy = remedy});
    } else if (!lab.server) {
      report.add(Severity::error, subject, lab.server.error().message,
                 {.needed = "a device server that answers", .remedy = remedy});
    } else {
      report.ok(subject, "runs, and its device server answers");
    }
  }
}

constexpr std::array<Check<MachineSettings>, 11> kMachineChecks = {{
    {"machine.system", "the operating system", check_system},
    {"machine.cores", "the processors", check_cores},
    {"machine.memory", "the memory that is free", check_memory},
    {"machine.disk", "the disk that is free for the cache", check_disk},
    {"machine.kvm", "whether KVM really works", check_kvm},
    {"machine.qemu", "a QEMU with vfio-user-pci, installed or in the cache", check_qemu},
    {"machine.shared-memory", "whether running machines share their memory with the devices",
     check_shared_memory},
    {"machine.namespaces", "user namespaces", check_namespaces},
    {"machine.programs", "the programs that labs are made with", check_programs},
    {"machine.helm", "Helm, where it is installed", check_helm},
    {"machine.labs", "labs: their servers, and what dead ones have left", check_labs},
}};

}  // namespace

void check_machine(const MachineSettings& settings, Report& report) {
  run_checks(kMachineChecks, settings, report);
}

std::vector<CheckText> machine_checks() {
  return texts_of(kMachineChecks);
}

}  // namespace mockdev::doctor
