// SPDX-License-Identifier: Apache-2.0
#include <ranges>

#include <fmt/format.h>

#include "base/file.h"
#include "doctor/compatibility.h"
#include "doctor/node.h"

namespace mockdev::doctor {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSecureBootVariable =
    "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The word in brackets: "integrity" of "none [integrity] confidentiality".
std::string chosen(std::string_view text) {
  const auto begin = text.find('[');
  const auto end = text.find(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return "";
  return std::string(text.substr(begin + 1, end - begin - 1));
}

/// Whether the firmware only starts what is signed: the variable's last byte, after its attributes.
bool secure_boot(const NodeSettings& settings) {
  constexpr ByteCount kMost = 16_B;
  const auto variable = read_file(settings.root / kSecureBootVariable, kMost);
  return variable && !variable->empty() && variable->back() == 1;
}

/// Lines of the kernel's log with `mark` that are of this driver or of loading modules.
std::vector<std::string> denials(const NodeView& view, std::string_view mark) {
  std::vector<std::string> lines;
  if (!view.settings.run) return lines;
  const auto log = view.settings.run({"dmesg"});
  if (!log) return lines;
  for (const auto part : std::views::split(*log, '\n')) {
    const std::string line(part.begin(), part.end());
    if (line.contains(mark) && (line.contains("mock") || line.contains("module_load"))) {
      lines.push_back(line);
    }
  }
  return lines;
}

/// Reports the last denial, or that there was none.
void report_denials(const NodeView& view, Report& report, std::string_view mark,
                    const std::string& mode, const Advice& advice) {
  const auto lines = denials(view, mark);
  if (lines.empty()) {
    report.ok(view.settings.name, view.settings.run
                                      ? fmt::format("{}, nothing was refused", mode)
                                      : fmt::format("{}; what it refuses can't be seen", mode));
  } else {
    report.add(Severity::error, view.settings.name,
               fmt::format("{}, {} times refused: {}", mode, lines.size(), lines.back()), advice);
  }
}

}  // namespace

void check_secure_boot(const NodeView& view, Report& report) {
  const NodeSettings& settings = view.settings;
  const auto lockdown_file = read_text(settings.root / "sys/kernel/security/lockdown");
  const std::string lockdown = lockdown_file ? chosen(*lockdown_file) : "";
  const auto enforced = read_text(settings.root / "sys/module/module/parameters/sig_enforce");
  const bool only_signed =
      (enforced && *enforced == "Y") || (!lockdown.empty() && lockdown != "none");
  if (!only_signed && settings.confined && !lockdown_file) {
    report_unseen(view, report, "lockdown");
  } else if (!only_signed) {
    report.ok(settings.name, secure_boot(settings) ? "Secure Boot is on, without lockdown"
                                                   : "the kernel takes modules without signature");
  } else if (view.inventory.module_loaded) {
    report.ok(settings.name, "the kernel takes signed modules only, and has taken this one");
  } else {
    report.add(Severity::error, settings.name,
               fmt::format("the kernel takes signed modules only (lockdown: {}, Secure Boot: {})",
                           lockdown.empty() ? "unknown" : lockdown,
                           secure_boot(settings) ? "on" : "off or unknown"),
               compatibility().row("secure-boot").advice);
  }
}

void check_selinux(const NodeView& view, Report& report) {
  const auto enforce = read_text(view.settings.root / "sys/fs/selinux/enforce");
  if (!enforce) {
    if (view.settings.confined) {
      report_unseen(view, report, "SELinux's mode");
    } else {
      report.ok(view.settings.name, "SELinux is not in use");
    }
    return;
  }
  report_denials(view, report, "avc:  denied",
                 *enforce == "1" ? "SELinux is enforcing" : "SELinux is permissive",
                 compatibility().row("selinux").advice);
}

void check_apparmor(const NodeView& view, Report& report) {
  const auto enabled = read_text(view.settings.root / "sys/module/apparmor/parameters/enabled");
  if (!enabled || *enabled != "Y") {
    report.ok(view.settings.name, "AppArmor is not in use");
    return;
  }
  report_denials(view, report, "apparmor=\"DENIED\"", "AppArmor is on",
                 compatibility().row("apparmor").advice);
}

}  // namespace mockdev::doctor
