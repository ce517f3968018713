// SPDX-License-Identifier: Apache-2.0
#include "lab/boot.h"

#include <algorithm>
#include <sstream>

#include "lab/server_process.h"
#include "lab/ssh.h"

namespace mockdev::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{100};

// A connection into a network that is not up yet is answered late or never: better ask anew often.
constexpr std::chrono::milliseconds kAnswerTime{1000};

std::chrono::milliseconds time_until(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  return std::max(left, std::chrono::milliseconds{1});
}

Error qemu_ended(const MachineFolder& machine) {
  return {fmt::format("QEMU ended: {}", last_words(machine.qemu_log()))};
}

Error not_in_time(const MachineFolder& machine) {
  return {fmt::format("the guest did not come up in time; its last lines: {} (all of it: {})",
                      last_words(machine.serial_log()), machine.serial_log().native())};
}

/// What keeps a guest from getting further, empty if nothing does.
std::optional<Error> obstacle(const MachineFolder& machine, const NodeState& node,
                              Clock::time_point end, const Interrupt& interrupt) {
  if (wait_for_end(node.qemu, kLook, &interrupt)) return qemu_ended(machine);
  if (interrupt.requested()) return interrupted().error();
  if (Clock::now() > end) return not_in_time(machine);
  return std::nullopt;
}

/// Entries of /sys/class/mock-accel that are PFs: mock0 but not mock0_vf1.
unsigned count_devices(const std::string& listing) {
  std::istringstream names(listing);
  unsigned count = 0;
  for (std::string name; names >> name;) {
    if (name.starts_with("mock") && name.find('_') == std::string::npos) ++count;
  }
  return count;
}

}  // namespace

Result<void> wait_for_ssh(const RunFolder& folder, const NodeState& node, Clock::time_point end,
                          const Interrupt& interrupt) {
  const MachineFolder machine = folder.machine(node.name);
  while (!answers(machine.ssh_socket(), kAnswerTime)) {
    if (auto error = obstacle(machine, node, end, interrupt)) return std::unexpected(*error);
  }
  return {};
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

Result<void> check_devices(const RunFolder& folder, const NodeState& node, Clock::time_point end,
                           const Interrupt& interrupt) {
  const auto in_guest = [&](const std::vector<std::string>& command) {
    return run_checked(ssh_command(folder, node.name, command, false),
                       {.timeout = time_until(end), .interrupt = &interrupt});
  };
  const auto payload = in_guest({"systemctl", "start", "mock-device.service"});
  if (!payload && interrupt.requested()) return interrupted();
  if (!payload) {
    const auto journal = in_guest({"journalctl", "-u", "mock-device", "-o", "cat", "-n", "20"});
    return fail("the guest could not start the payload: {}",
                journal.value_or(payload.error().message));
  }
  const auto listing = in_guest({"sh", "-c", "ls /sys/class/mock-accel || true"});
  if (!listing) return std::unexpected(listing.error());
  const unsigned there = count_devices(*listing);
  if (there == node.devices) return {};
  const auto messages = in_guest({"sh", "-c", "dmesg | grep -i -e mock -e vfio | tail -n 3"});
  return fail("the guest has {} of {} devices; its kernel says: {}", there, node.devices,
              messages.value_or("(nothing)"));
}

}  // namespace mockdev::lab
