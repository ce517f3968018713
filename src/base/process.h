// SPDX-License-Identifier: Apache-2.0
// Other programs: run to their end, left running, found again and stopped. Programs get their
// arguments as a vector; no shell is ever involved.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace mockdev {

/// A program with all that it is started with.
struct Command {
  /// argv[0] is a path, or a name to look up in PATH. Never empty.
  std::vector<std::string> argv;
  /// Variables on top of this process's environment.
  std::vector<std::pair<std::string, std::string>> environment = {};
  /// Working folder. Empty: this process's.
  std::filesystem::path folder = {};
  /// What the program reads on standard input. A path that does not begin with / is one in
  /// `folder`.
  std::filesystem::path input = "/dev/null";
};

/// One word as a POSIX shell reads it back: `it's` becomes `'it'\''s'`.
[[nodiscard]] std::string shell_quote(std::string_view word);

/// The line that does the same in a POSIX shell: "(cd folder && exec env NAME=value program arg)".
[[nodiscard]] std::string to_string(const Command& command);

/// The program that `name` means: itself if it has a '/', else the first executable of that name in
/// PATH, or in /usr/sbin and /sbin, which an ordinary user's PATH lacks. Empty: there is none.
[[nodiscard]] std::filesystem::path find_program(std::string_view name);

/// Holds SIGINT, SIGTERM and SIGHUP back while it lives: they end waits instead of the process.
/// Signals that came are forgotten at the end. Make it before any thread that should inherit it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  Interrupt(Interrupt&&) = delete;
  Interrupt& operator=(Interrupt&&) = delete;

  /// Whether one of the signals has come.
  [[nodiscard]] bool requested() const;
  /// Waits until one comes, at most `time`. Returns requested().
  [[nodiscard]] bool wait(std::chrono::milliseconds time) const;
  /// Readable once requested() is true. For poll(2).
  [[nodiscard]] int fd() const { return signals_.get(); }

 private:
  sigset_t old_mask_{};
  UniqueFd signals_;
};

/// The error of everything that an Interrupt ended.
[[nodiscard]] std::unexpected<Error> interrupted();

struct RunOptions {
  /// After this long the program is stopped and the run fails. Empty: no limit.
  std::optional<std::chrono::milliseconds> timeout = {};
  /// Stops the program and fails when requested. May be null.
  const Interrupt* interrupt = nullptr;
  /// As the interrupt, from another thread.
  std::stop_token stop = {};
  /// Standard error is this process's own, and no part of the output.
  bool errors_apart = false;
  /// All output is also added to this file. Empty: none.
  std::filesystem::path log = {};
  /// Called with each line of output as it comes, without its newline. May be empty.
  std::function<void(std::string_view)> on_line = {};
};

/// How a program ended.
struct Outcome {
  int exit_code;       ///< 128 + n when signal n ended it, as shells have it
  std::string output;  ///< stdout and, unless apart, stderr as they came, the last 1 MiB of them
};

/// Runs a program to its end in a session of its own, so that a Ctrl-C in
/// the terminal reaches only this process. It dies with this process, however that dies. Fails if
/// the program can't be started, on a timeout and on an interrupt; a program that ran is an
/// Outcome, whatever its exit code.
[[nodiscard]] Result<Outcome> run(const Command& command, const RunOptions& options = {});

/// As run, but an exit code other than 0 is an error with the last line of output.
[[nodiscard]] Result<std::string> run_checked(const Command& command,
                                              const RunOptions& options = {});

/// Names a process for as long as the computer is up, also after its pid was given to another.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< clock ticks since boot, as in /proc/PID/stat

  [[nodiscard]] explicit operator bool() const { return pid != 0; }
  bool operator==(const ProcessId&) const = default;
};

/// Starts a program that goes on without this process: a session of its own,
/// stdout and stderr at the end of `log`, no open files. `on_created` is called before the first
/// instruction of the program; if it fails, or this process dies before it returned, the program
/// never runs. So nothing runs that `on_created` has not recorded.
[[nodiscard]] Result<ProcessId> start(
    const Command& command, const std::filesystem::path& log,
    const std::function<Result<void>(const ProcessId&)>& on_created = {});

/// Whether the process is there and has not ended. One that only waits to be reaped has ended.
[[nodiscard]] bool is_running(const ProcessId& process);

/// Sends a signal to exactly this process. False: it is not there any more.
[[nodiscard]] Result<bool> send_signal(const ProcessId& process, int signal);

/// Waits until a process, child or not, has ended. False: it still runs after `time`, or the
/// interrupt, which may be null, came.
[[nodiscard]] bool wait_for_end(const ProcessId& process, std::chrono::milliseconds time,
                                const Interrupt* interrupt = nullptr);

/// Ends a process: SIGTERM, and SIGKILL if it still runs after `grace`. Success when it is gone.
[[nodiscard]] Result<void> stop(const ProcessId& process, std::chrono::milliseconds grace);

/// Puts another program in place of this process, which reads what this one would have read: the
/// command's `input` does not count. Returns only on failure.
[[nodiscard]] Error replace_process(const Command& command);

}  // namespace mockdev
