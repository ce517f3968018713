// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

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

/// The number that follows a word. 0: there is none.
std::uint64_t number_after(std::string_view text, std::string_view word) {
  const auto at = text.find(word);
  if (at == std::string_view::npos) return 0;
  std::uint64_t number = 0;
  std::from_chars(text.data() + at + word.size(), text.data() + text.size(), number);
  return number;
}

/// When the node was started, in seconds since 1970 (proc(5): btime). 0: not to be read.
std::uint64_t boot_time(const NodeView& view) {
  const auto stat = read_text(view.settings.root / "proc/stat");
  return stat ? number_after(*stat, "\nbtime ") : 0;
}

/// What was refused to this driver, or in loading modules, since the node was started.
struct Denials {
  std::vector<std::string> lines = {};
  bool all_seen = true;  ///< false: there is a log that can't be read, and may have more
};

void read_denials(std::istream& log, std::string_view mark, std::uint64_t start, Denials& denials) {
  for (std::string line; std::getline(log, line);) {
    const bool ours = line.contains("mock") || line.contains("module_load");
    if (!line.contains(mark) || !ours) continue;
    // A line of auditd's has when it was: "msg=audit(1764288000.123:45):".
    const std::uint64_t time = number_after(line, "msg=audit(");
    if (time == 0 || time >= start) denials.lines.push_back(std::move(line));
  }
}

/// auditd's files from the oldest on: it begins a new one when one is full.
std::vector<fs::path> audit_logs(const NodeView& view) {
  const fs::path newest = view.settings.root / "var/log/audit/audit.log";
  std::vector<fs::path> logs = {newest};
  for (unsigned number = 1;; ++number) {
    fs::path older = fmt::format("{}.{}", newest.native(), number);
    if (!is_there(older)) break;
    logs.insert(logs.begin(), std::move(older));
  }
  return logs;
}

Denials find_denials(const NodeView& view, std::string_view mark) {
  const std::uint64_t start = boot_time(view);
  Denials denials;
  const auto kernel_log = view.settings.run ? view.settings.run({"dmesg"}) : fail("not to be run");
  if (kernel_log) {
    std::istringstream log(*kernel_log);
    read_denials(log, mark, start, denials);
  } else {
    denials.all_seen = false;
  }
  // Where auditd runs the kernel's log has none.
  for (const fs::path& path : audit_logs(view)) {
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) continue;
    std::ifstream log(path);
    if (!log) denials.all_seen = false;
    read_denials(log, mark, start, denials);
  }
  return denials;
}

/// Reports the last denial, or that there was none.
void report_denials(const NodeView& view, Report& report, std::string_view mark,
                    const std::string& mode, const Advice& advice) {
  const Denials denials = find_denials(view, mark);
  if (!denials.lines.empty()) {
    report.add(
        Severity::error, view.settings.name,
        fmt::format("{}, {} times refused: {}", mode, denials.lines.size(), denials.lines.back()),
        advice);
  } else if (!denials.all_seen) {
    report_unseen(view, report, fmt::format("{}; what it has refused", mode));
  } else {
    report.ok(view.settings.name, fmt::format("{}, no denial is in the logs", mode));
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
