// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "base/process.h"
#include "base/unix_socket.h"
#include "lab/file_lock.h"
#include "lab/lab.h"
#include "lab/part_choice.h"
#include "lab/pump.h"
#include "lab/run_folder.h"

namespace mockdev::lab {
namespace {

constexpr char kDetach = 0x1d;  // Ctrl-]

/// Hands each key on as it is typed while it lives, Ctrl-C included. Nothing where stdin is no
/// terminal.
class RawTerminal {
 public:
  RawTerminal() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  ~RawTerminal() {
    if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  RawTerminal(RawTerminal&&) = delete;
  RawTerminal& operator=(RawTerminal&&) = delete;

 private:
  termios before_{};
  bool is_terminal_;
};

/// Passes on what was typed. False: at the detach key, at the end of stdin, or at a guest that is
/// gone.
bool pass_keys(int serial) {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  const std::string_view keys(buffer.data(), static_cast<std::size_t>(got));
  const std::string_view before_detach = keys.substr(0, keys.find(kDetach));
  return write_whole(serial, before_detach) && !keys.empty() && before_detach.size() == keys.size();
}

void talk(int serial, const Interrupt& interrupt) {
  std::array<pollfd, 3> waits{{
      {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
      {.fd = serial, .events = POLLIN, .revents = 0},
      {.fd = interrupt.fd(), .events = POLLIN, .revents = 0},
  }};
  while (true) {
    ::poll(waits.data(), waits.size(), -1);
    if (waits[2].revents != 0) return;
    if (waits[1].revents != 0 && !copy_some(serial, STDOUT_FILENO)) return;
    if (waits[0].revents != 0 && !pass_keys(serial)) return;
  }
}

}  // namespace

Result<void> console(const ConsoleOptions& options) {
  const auto lab = status(options.name);
  if (!lab) return std::unexpected(lab.error());
  const auto node = choose_running_node(*lab, options.node);
  if (!node) return std::unexpected(node.error());
  const MachineFolder machine{node->console_socket.parent_path()};
  // QEMU would let a second one wait without a word.
  const auto lock = FileLock::try_take(machine.console_lock());
  if (!lock) return std::unexpected(lock.error());
  if (!*lock) {
    return fail("lab {}: somebody else is on the console of {}", options.name, node->name);
  }
  const auto serial = connect_unix(node->console_socket);
  if (!serial) return std::unexpected(serial.error());
  // The terminal must be put right again, whatever ends this.
  const Interrupt interrupt;
  const RawTerminal terminal;
  talk(serial->get(), interrupt);
  return {};
}

}  // namespace mockdev::lab
