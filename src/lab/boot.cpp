// SPDX-License-Identifier: Apache-2.0
#include "lab/boot.h"

#include <algorithm>
#include <sstream>

#include "base/file.h"
#include "lab/last_words.h"
#include "lab/ssh.h"

namespace mockdev::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBootLook{100};

constexpr std::chrono::seconds kDiagnosisTime{30};

Error qemu_ended(const MachineFolder& machine) {
  return {fmt::format("QEMU ended: {}", last_words(machine.qemu_log()))};
}

Error panicked(const MachineFolder& machine) {
  return {fmt::format("the guest's kernel panicked: {}", machine.serial_log().native())};
}

Error not_in_time(const MachineFolder& machine) {
  return {fmt::format("the guest did not come up in time; its last lines: {} (all of it: {})",
                      last_words(machine.serial_log()), machine.serial_log().native())};
}

bool has_panicked(std::string_view last_words) {
  return last_words.find("end Kernel panic") != std::string_view::npos;
}

/// What keeps a guest from getting further, empty if nothing does.
std::optional<Error> obstacle(const MachineFolder& machine, const NodeState& node,
                              Clock::time_point end, const Interrupt& interrupt) {
  if (wait_for_end(node.qemu, kBootLook, &interrupt)) return qemu_ended(machine);
  if (interrupt.requested()) return interrupted().error();
  if (has_panicked(last_words(machine.serial_log()))) return panicked(machine);
  if (Clock::now() > end) return not_in_time(machine);
  return std::nullopt;
}

}  // namespace

GuestReport parse_report(std::string_view text) {
  GuestReport report;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    if (word == "ready") report.ready = true;
    if (word == "payload") report.payload = true;
    // mock0_vf1 and the like are VFs.
    if (word == "device" && words >> word && word.find('_') == std::string::npos) ++report.devices;
  }
  return report;
}

Result<GuestReport> wait_for_report(const RunFolder& folder, const NodeState& node,
                                    Clock::time_point end, const Interrupt& interrupt) {
  const MachineFolder machine = folder.machine(node.name);
  while (true) {
    const GuestReport report = parse_report(read_file(machine.report(), 1_MiB).value_or(""));
    if (report.ready) return report;
    if (auto error = obstacle(machine, node, end, interrupt)) return std::unexpected(*error);
  }
}

Result<void> open_shared_connection(const RunFolder& folder, const NodeState& node,
                                    Clock::time_point end, const Interrupt& interrupt,
                                    const std::function<Result<void>(const ProcessId&)>& record) {
  const MachineFolder machine = folder.machine(node.name);
  const auto ssh = start(shared_connection(folder, node.name), machine.ssh_log(), record);
  if (!ssh) return std::unexpected(ssh.error());
  std::error_code ignored;
  while (!std::filesystem::is_socket(machine.shared_socket(), ignored)) {
    if (!is_running(*ssh)) return fail("ssh ended: {}", last_words(machine.ssh_log()));
    if (auto error = obstacle(machine, node, end, interrupt)) return std::unexpected(*error);
  }
  return {};
}

Result<void> check_report(const GuestReport& report, const RunFolder& folder, const NodeState& node,
                          unsigned devices, const Interrupt& interrupt) {
  if (report.payload && report.devices == devices) return {};
  const auto guest_says = [&](const std::string& script) {
    const auto said = run_checked(ssh_command(folder, node.name, {"sh", "-c", script}, false),
                                  {.timeout = kDiagnosisTime, .interrupt = &interrupt});
    return said ? one_line(*said) : said.error().message;
  };
  if (!report.payload) {
    return fail("the guest could not start its payload: {}",
                guest_says("journalctl -u mock-device -o cat | tail -n 5"));
  }
  return fail("the guest has {} of {} devices; its kernel says: {}", report.devices, devices,
              guest_says("dmesg | grep -i mock | tail -n 5"));
}

Result<void> wait_until_up(const RunFolder& folder, const NodeState& node, unsigned devices,
                           Clock::time_point end, const Interrupt& interrupt, Progress& progress,
                           const std::function<Result<void>(const ProcessId&)>& record) {
  const auto report = wait_for_report(folder, node, end, interrupt);
  if (!report) return std::unexpected(report.error());
  progress.note("opening a connection");
  if (auto open = open_shared_connection(folder, node, end, interrupt, record); !open) {
    return open;
  }
  return check_report(*report, folder, node, devices, interrupt);
}

}  // namespace mockdev::lab
