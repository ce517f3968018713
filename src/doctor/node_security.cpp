// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <ranges>
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

/// What auditd has written, where it runs: the kernel's log then has none of it. Its files from the
/// oldest on: it begins a new one when one is full. Empty: there is none. None: one can't be read.
std::optional<std::string> audit_log(const NodeView& view) {
  constexpr ByteCount kMost = 64_MiB;  // of a file; auditd's own default are eight
  const fs::path newest = view.settings.root / "var/log/audit/audit.log";
  std::string text;
  for (unsigned number = 0;; ++number) {
    const fs::path path =
        number == 0 ? newest : fs::path(fmt::format("{}.{}", newest.native(), number));
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
      if (number > 0) return text;
      continue;  // between two files
    }
    const auto content = read_file(path, kMost);
    if (!content) return std::nullopt;
    text.insert(0, *content);
  }
}

/// When the node was started, in seconds since 1970 (proc(5): btime). 0: not to be read.
std::uint64_t boot_time(const NodeView& view) {
  const auto stat = read_text(view.settings.root / "proc/stat");
  return stat ? number_after(*stat, "\nbtime ") : 0;
}

/// Lines with `mark` that are of this driver or of loading modules, since the node was started.
/// None at all: there is none in what can be read, and not all can be.
std::optional<std::vector<std::string>> denials(const NodeView& view, std::string_view mark) {
  const auto kernel_log = view.settings.run ? view.settings.run({"dmesg"}) : fail("not to be run");
  const auto audit = audit_log(view);
  const std::uint64_t start = boot_time(view);
  std::vector<std::string> lines;
  for (const std::string& log : {kernel_log.value_or(""), audit.value_or("")}) {
    for (const auto part : std::views::split(log, '\n')) {
      std::string line(part.begin(), part.end());
      const bool ours = line.contains("mock") || line.contains("module_load");
      if (!line.contains(mark) || !ours) continue;
      // A line of auditd's has when it was: "msg=audit(1764288000.123:45):".
      const std::uint64_t time = number_after(line, "msg=audit(");
      if (time == 0 || time >= start) lines.push_back(std::move(line));
    }
  }
  if (lines.empty() && !(kernel_log && audit)) return std::nullopt;
  return lines;
}

/// Reports the last denial, or that there was none.
void report_denials(const NodeView& view, Report& report, std::string_view mark,
                    const std::string& mode, const Advice& advice) {
  const auto lines = denials(view, mark);
  if (!lines) {
    report_unseen(view, report, fmt::format("{}; what it has refused", mode));
  } else if (lines->empty()) {
    report.ok(view.settings.name, fmt::format("{}, no denial is in the logs", mode));
  } else {
    report.add(Severity::error, view.settings.name,
               fmt::format("{}, {} times refused: {}", mode, lines->size(), lines->back()), advice);
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
