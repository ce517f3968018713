// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ranges>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

namespace mockdev {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutputLimit = std::size_t{1} << 20U;
constexpr std::chrono::milliseconds kStopGrace{5000};

// --- Starting ------------------------------------------------------------------------------------

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  return Pipe{.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
}

/// A pair of sockets where a pipe would do: writing to one whose reader is dead must not raise
/// SIGPIPE, which could kill this process.
Result<Pipe> make_gate() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno("socketpair", errno);
  }
  return Pipe{.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
}

/// What execve wants, made before the fork, since little may be called after it.
class Image {
 public:
  Image(std::filesystem::path program, const Command& command)
      : program_(std::move(program)), words_(command.argv), folder_(command.folder) {
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (!is_replaced(*variable, command)) variables_.emplace_back(*variable);
    }
    for (const auto& [name, value] : command.environment)
      variables_.push_back(fmt::format("{}={}", name, value));
    for (std::string& word : words_) argv_.push_back(word.data());
    for (std::string& variable : variables_) environment_.push_back(variable.data());
    argv_.push_back(nullptr);
    environment_.push_back(nullptr);
  }

  /// Returns only on failure, with errno set.
  void execute() const {
    if (!folder_.empty() && ::chdir(folder_.c_str()) != 0) return;
    ::execve(program_.c_str(), argv_.data(), environment_.data());
  }

 private:
  static bool is_replaced(std::string_view variable, const Command& command) {
    const std::string_view name = variable.substr(0, variable.find('='));
    return std::ranges::any_of(command.environment,
                               [name](const auto& entry) { return entry.first == name; });
  }

  std::filesystem::path program_;
  std::vector<std::string> words_;
  std::vector<std::string> variables_;
  std::filesystem::path folder_;
  std::vector<char*> argv_;
  std::vector<char*> environment_;
};

Result<Image> image_of(const Command& command) {
  std::filesystem::path program = find_program(command.argv.at(0));
  if (program.empty()) return fail("{}: no such program", command.argv.at(0));
  return Image(std::move(program), command);
}

void default_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD}) {
    ::signal(signal, SIG_DFL);
  }
}

struct Start {
  int output;             ///< becomes stdout
  int errors;             ///< becomes stderr
  bool dies_with_parent;  ///< SIGKILL when the parent dies
};

/// The child's side of a start. Only calls that are allowed after a fork.
[[noreturn]] void run_child(const Image& image, const Start& how, int input, pid_t parent, int gate,
                            int failure) {
  ::setsid();
  default_signals();
  if (how.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
  }
  std::byte go{};
  // End of file here: the parent is gone or does not want this process after all.
  if (::read(gate, &go, 1) != 1) ::_exit(127);
  if (::dup2(input, STDIN_FILENO) >= 0 && ::dup2(how.output, STDOUT_FILENO) >= 0 &&
      ::dup2(how.errors, STDERR_FILENO) >= 0) {
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    image.execute();
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

std::optional<ProcessId> identify(pid_t pid);

/// What the child had to say about its execve: nothing if that worked.
Result<void> exec_result(const UniqueFd& failure, const std::string& program) {
  int error = 0;
  ssize_t got = ::read(failure.get(), &error, sizeof error);
  while (got < 0 && errno == EINTR) got = ::read(failure.get(), &error, sizeof error);
  if (got == sizeof error) return fail_errno(program, error);
  return {};
}

void reap(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// fork and execve instead of posix_spawn: the child has to wait at a gate until it is recorded.
Result<ProcessId> create(const Command& command, const Start& how,
                         const std::function<Result<void>(const ProcessId&)>& on_created) {
  const Result<Image> image = image_of(command);
  if (!image) return std::unexpected(image.error());
  const std::filesystem::path input_path = command.folder / command.input;
  const UniqueFd input(::open(input_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input) return fail_errno(input_path, errno);
  Result<Pipe> gate = make_gate();
  if (!gate) return std::unexpected(gate.error());
  Result<Pipe> failure = make_pipe();
  if (!failure) return std::unexpected(failure.error());

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork", errno);
  if (pid == 0) {
    gate->writer.reset();
    run_child(*image, how, input.get(), parent, gate->reader.get(), failure->writer.get());
  }
  gate->reader.reset();
  failure->writer.reset();

  const std::optional<ProcessId> process = identify(pid);
  Result<void> ready = process ? Result<void>{} : fail("{}: died at its start", command.argv[0]);
  if (ready && on_created) ready = on_created(*process);
  if (ready) {
    constexpr char kGo = 1;
    ::send(gate->writer.get(), &kGo, 1, MSG_NOSIGNAL);
    ready = exec_result(failure->reader, command.argv[0]);
  }
  gate->writer.reset();
  if (!ready) {
    reap(pid);
    return std::unexpected(ready.error());
  }
  return *process;
}

// --- Finding again -------------------------------------------------------------------------------

struct Stat {
  char state;
  std::uint64_t start_time;
};

std::optional<Stat> read_stat(pid_t pid) {
  const auto text = read_file(fmt::format("/proc/{}/stat", pid), 4_KiB);
  if (!text) return std::nullopt;
  // proc(5): the second field is the name in parentheses, which may itself have spaces and
  // parentheses. After it come the state (3) and, at last, the start time (22).
  const std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text->size()) return std::nullopt;
  const std::string_view fields = std::string_view(*text).substr(name_end + 2);
  constexpr std::size_t kStartTime = 22 - 3;
  std::size_t number = 0;
  for (const auto field : std::views::split(fields, ' ')) {
    if (number++ != kStartTime) continue;
    const std::string_view digits(field.begin(), field.end());
    Stat stat{.state = fields.front(), .start_time = 0};
    const auto parsed =
        std::from_chars(digits.data(), digits.data() + digits.size(), stat.start_time);
    return parsed.ec == std::errc{} ? std::optional(stat) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<ProcessId> identify(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat) return std::nullopt;
  return ProcessId{.pid = pid, .start_time = stat->start_time};
}

/// A descriptor of exactly this process, none if it is gone. What it refers to can't change.
UniqueFd open_process(const ProcessId& process) {
  if (!process) return {};
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  const auto stat = read_stat(process.pid);
  if (!stat || stat->start_time != process.start_time) return {};
  return fd;
}

// --- Waiting -------------------------------------------------------------------------------------

int poll_time(const std::optional<Clock::time_point>& end) {
  if (!end) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000L * 3600));
}

bool is_over(const std::optional<Clock::time_point>& end) {
  return end && Clock::now() >= *end;
}

/// Takes a program's output: to the log, line by line to the listener, and to the result.
class OutputSink {
 public:
  OutputSink(const RunOptions& options, UniqueFd log) : options_(options), log_(std::move(log)) {}

  /// Reads what is there. False: end of file.
  bool take(const UniqueFd& pipe) {
    std::array<char, 16384> buffer{};
    const ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) return false;
    add(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    return true;
  }

  [[nodiscard]] std::string finish() {
    if (!line_.empty()) tell_line();
    return std::move(output_);
  }

 private:
  void add(std::string_view text) {
    if (log_) [[maybe_unused]]
      const ssize_t written = ::write(log_.get(), text.data(), text.size());
    output_ += text;
    if (output_.size() > 2 * kOutputLimit) output_.erase(0, output_.size() - kOutputLimit);
    if (!options_.on_line) return;
    for (const char character : text) {
      if (character == '\n') {
        tell_line();
      } else {
        line_ += character;
      }
    }
  }

  void tell_line() {
    options_.on_line(line_);
    line_.clear();
  }

  const RunOptions& options_;
  UniqueFd log_;
  std::string output_;
  std::string line_;
};

Result<UniqueFd> open_log(const std::filesystem::path& path) {
  UniqueFd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return fail_errno(path, errno);
  return log;
}

int reap_exit_code(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 255;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// Ends a child and everything in its session that did not leave it.
void stop_child(pid_t pid, const UniqueFd& pidfd) {
  ::kill(-pid, SIGTERM);
  pollfd wait{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  ::poll(&wait, 1, static_cast<int>(kStopGrace.count()));
  ::kill(-pid, SIGKILL);
  reap(pid);
}

enum class Ended : std::uint8_t { by_itself, by_timeout, by_interrupt };

/// Readable once stop is requested. For poll(2).
class StopEvent {
 public:
  explicit StopEvent(std::stop_token stop) : on_stop_(std::move(stop), Raise{event_.get()}) {}
  [[nodiscard]] int fd() const { return event_.get(); }

 private:
  struct Raise {
    int event;
    void operator()() const { ::eventfd_write(event, 1); }
  };

  const UniqueFd event_{::eventfd(0, EFD_CLOEXEC)};
  const std::stop_callback<Raise> on_stop_;
};

/// Moves output until the child has ended, however many of its own children keep the pipe open.
Ended follow_child(const UniqueFd& pidfd, const UniqueFd& output, const RunOptions& options,
                   OutputSink& sink) {
  std::optional<Clock::time_point> end;
  if (options.timeout) end = Clock::now() + *options.timeout;
  const StopEvent stop(options.stop);
  std::array<pollfd, 4> waits{{
      {.fd = pidfd.get(), .events = POLLIN, .revents = 0},
      {.fd = output.get(), .events = POLLIN, .revents = 0},
      {.fd = options.interrupt != nullptr ? options.interrupt->fd() : -1,
       .events = POLLIN,
       .revents = 0},
      {.fd = stop.fd(), .events = POLLIN, .revents = 0},
  }};
  while (true) {
    ::poll(waits.data(), waits.size(), poll_time(end));
    if (waits[2].revents != 0 || waits[3].revents != 0) return Ended::by_interrupt;
    if (is_over(end)) return Ended::by_timeout;
    // Output first: what a child wrote before its end is there before its end is seen.
    if (waits[1].revents != 0 && !sink.take(output)) waits[1].fd = -1;
    if (waits[1].revents == 0 && waits[0].revents != 0) return Ended::by_itself;
  }
}

}  // namespace

// --- Commands ------------------------------------------------------------------------------------

std::string shell_quote(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (const char character : word) {
    if (character == '\'') {
      quoted += R"('\'')";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

std::string to_string(const Command& command) {
  std::string line;
  if (!command.environment.empty()) line = "env";
  for (const auto& [name, value] : command.environment) {
    line += fmt::format(" {}", shell_quote(fmt::format("{}={}", name, value)));
  }
  for (const std::string& word : command.argv) {
    if (!line.empty()) line += ' ';
    line += shell_quote(word);
  }
  if (command.input != Command{}.input)
    line += fmt::format(" < {}", shell_quote(command.input.native()));
  if (command.folder.empty()) return line;
  return fmt::format("(cd {} && exec {})", shell_quote(command.folder.native()), line);
}

std::filesystem::path find_program(std::string_view name) {
  const auto is_program = [](const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string_view::npos) return is_program(name) ? name : "";
  const char* const path = std::getenv("PATH");
  const std::string folders =
      std::string(path != nullptr ? path : "/usr/bin:/bin") + ":/usr/sbin:/sbin";
  for (const auto part : std::views::split(folders, ':')) {
    const std::string_view folder(part.begin(), part.end());
    if (folder.empty()) continue;
    std::filesystem::path candidate = std::filesystem::path(folder) / name;
    if (is_program(candidate)) return candidate;
  }
  return {};
}

// --- Interrupt -----------------------------------------------------------------------------------

Interrupt::Interrupt() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, &old_mask_);
  signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

Interrupt::~Interrupt() {
  signalfd_siginfo ignored{};
  while (::read(signals_.get(), &ignored, sizeof ignored) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

bool Interrupt::requested() const {
  return wait(std::chrono::milliseconds{0});
}

bool Interrupt::wait(std::chrono::milliseconds time) const {
  pollfd wait{.fd = signals_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, static_cast<int>(time.count())) > 0;
}

std::unexpected<Error> interrupted() {
  return fail("interrupted");
}

// --- Running -------------------------------------------------------------------------------------

Result<Outcome> run(const Command& command, const RunOptions& options) {
  UniqueFd log;
  if (!options.log.empty()) {
    Result<UniqueFd> opened = open_log(options.log);
    if (!opened) return std::unexpected(opened.error());
    log = std::move(*opened);
  }
  Result<Pipe> output = make_pipe();
  if (!output) return std::unexpected(output.error());
  ::fcntl(output->reader.get(), F_SETFL, O_NONBLOCK);

  const int errors = options.errors_apart ? STDERR_FILENO : output->writer.get();
  const auto process = create(
      command, {.output = output->writer.get(), .errors = errors, .dies_with_parent = true}, {});
  if (!process) return std::unexpected(process.error());
  output->writer.reset();
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process->pid, 0)));

  OutputSink sink(options, std::move(log));
  const Ended ended = follow_child(pidfd, output->reader, options, sink);
  if (ended == Ended::by_itself) {
    const int exit_code = reap_exit_code(process->pid);
    return Outcome{.exit_code = exit_code, .output = sink.finish()};
  }
  stop_child(process->pid, pidfd);
  if (ended == Ended::by_interrupt) return interrupted();
  return fail("{}: not done after {} s", command.argv[0],
              std::chrono::duration_cast<std::chrono::seconds>(*options.timeout).count());
}

Result<std::string> run_checked(const Command& command, const RunOptions& options) {
  auto outcome = run(command, options);
  if (!outcome) return std::unexpected(outcome.error());
  if (outcome->exit_code == 0) return std::move(outcome->output);
  std::string_view text = outcome->output;
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::string_view last = text.substr(text.rfind('\n') + 1);
  const std::string program = std::filesystem::path(command.argv[0]).filename();
  if (last.empty()) return fail("{}: exit code {}", program, outcome->exit_code);
  return fail("{}: exit code {}: {}", program, outcome->exit_code, last);
}

Result<ProcessId> start(const Command& command, const std::filesystem::path& log,
                        const std::function<Result<void>(const ProcessId&)>& on_created) {
  const Result<UniqueFd> output = open_log(log);
  if (!output) return std::unexpected(output.error());
  return create(command,
                {.output = output->get(), .errors = output->get(), .dies_with_parent = false},
                on_created);
}

// --- Processes -----------------------------------------------------------------------------------

bool is_running(const ProcessId& process) {
  if (!process) return false;
  const auto stat = read_stat(process.pid);
  return stat && stat->start_time == process.start_time && stat->state != 'Z' && stat->state != 'X';
}

Result<bool> send_signal(const ProcessId& process, int signal) {
  const UniqueFd fd = open_process(process);
  if (!fd) return false;
  if (::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  return fail_errno(fmt::format("signal {} to process {}", signal, process.pid), errno);
}

bool wait_for_end(const ProcessId& process, std::chrono::milliseconds time,
                  const Interrupt* interrupt) {
  const UniqueFd fd = open_process(process);
  if (!fd) return true;
  const std::optional<Clock::time_point> end = Clock::now() + time;
  std::array<pollfd, 2> waits{{
      {.fd = fd.get(), .events = POLLIN, .revents = 0},
      {.fd = interrupt != nullptr ? interrupt->fd() : -1, .events = POLLIN, .revents = 0},
  }};
  while (true) {
    const int ready = ::poll(waits.data(), waits.size(), poll_time(end));
    if (waits[0].revents != 0) return true;
    if (waits[1].revents != 0 || (ready == 0 && is_over(end))) return false;
  }
}

Result<void> stop(const ProcessId& process, std::chrono::milliseconds grace) {
  for (const auto& [signal, time] : {std::pair{SIGTERM, grace}, std::pair{SIGKILL, kStopGrace}}) {
    const auto sent = send_signal(process, signal);
    if (!sent) return std::unexpected(sent.error());
    if (!*sent || wait_for_end(process, time)) return {};
  }
  return fail("process {}: still there after SIGKILL", process.pid);
}

Error replace_process(const Command& command) {
  const Result<Image> image = image_of(command);
  if (!image) return image.error();
  image->execute();
  return fail_errno(command.argv[0], errno).error();
}

}  // namespace mockdev
