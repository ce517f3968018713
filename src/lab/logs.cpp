// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/process.h"
#include "base/unique_fd.h"
#include "lab/lab.h"
#include "lab/part_choice.h"
#include "lab/run_folder.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kFollowLook{200};

using Sink = std::function<void(std::string_view)>;

/// Empty: the source is none.
std::string_view component_name(LogSource source) {
  switch (source) {
    case LogSource::etcd:
      return "etcd";
    case LogSource::apiserver:
      return "apiserver";
    case LogSource::controller_manager:
      return "controller-manager";
    case LogSource::scheduler:
      return "scheduler";
    case LogSource::network:
      return "network";
    case LogSource::kwok:
      return "kwok";
    case LogSource::simulation:
      return "simulation";
    case LogSource::serial:
    case LogSource::qemu:
    case LogSource::server:
      return {};
  }
  return {};
}

Result<fs::path> log_of(const LogOptions& options) {
  const auto lab = status(options.name);
  if (!lab) return std::unexpected(lab.error());
  const auto folder = RunFolder::of(options.name);
  if (!folder) return std::unexpected(folder.error());
  const std::string_view component = component_name(options.source);
  if (!component.empty()) {
    if (!lab->kubernetes) return no_kubernetes(options.name);
    return folder->kubernetes().log(component);
  }
  if (options.source == LogSource::server) return folder->server_log();
  const auto node = choose_node(*lab, options.node);
  if (!node) return std::unexpected(node.error());
  const MachineFolder machine = folder->machine(node->name);
  return options.source == LogSource::qemu ? machine.qemu_log() : machine.serial_log();
}

/// Where the last `lines` lines begin.
off_t tail_start(int fd, unsigned lines) {
  std::array<char, 65536> buffer{};
  off_t position = ::lseek(fd, 0, SEEK_END);
  // The newline that ends the last line begins no other.
  const off_t end = position - 1;
  while (position > 0) {
    const off_t start = std::max<off_t>(0, position - static_cast<off_t>(buffer.size()));
    const ssize_t got =
        ::pread(fd, buffer.data(), static_cast<std::size_t>(position - start), start);
    if (got <= 0) return 0;
    for (off_t at = start + got - 1; at >= start; --at) {
      if (buffer.at(static_cast<std::size_t>(at - start)) != '\n' || at >= end) continue;
      if (--lines == 0) return at + 1;
    }
    position = start;
  }
  return 0;
}

/// Hands over what is there from the file's position on.
void drain(int fd, const Sink& sink) {
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    sink({buffer.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace

Result<void> logs(const LogOptions& options, const Sink& sink) {
  const auto path = log_of(options);
  if (!path) return std::unexpected(path.error());
  const UniqueFd log(::open(path->c_str(), O_RDONLY | O_CLOEXEC));
  if (!log) return fail_errno(*path, errno);
  if (options.tail) {
    const off_t start =
        *options.tail == 0 ? ::lseek(log.get(), 0, SEEK_END) : tail_start(log.get(), *options.tail);
    ::lseek(log.get(), start, SEEK_SET);
  }
  drain(log.get(), sink);
  if (!options.follow) return {};
  const Interrupt interrupt;
  std::error_code ignored;
  while (fs::exists(*path, ignored) && !interrupt.wait(kFollowLook)) drain(log.get(), sink);
  drain(log.get(), sink);
  return {};
}

}  // namespace mockdev::lab
