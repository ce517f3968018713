// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_line.h"

#include <array>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/ostream.h>

namespace mockdev::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

std::string seconds_text(Clock::duration elapsed) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(elapsed).count());
}

class PlainProgress final : public lab::Progress {
 public:
  explicit PlainProgress(Console& console) : err_(console.err) {}

  void started(std::string_view step) override {
    step_ = printable(step);
    say("...");
  }
  void note(std::string_view text) override { say(printable(text)); }
  void finished(std::string_view outcome, milliseconds elapsed) override {
    say(fmt::format("{} ({})", outcome.empty() ? "done" : printable(outcome),
                    seconds_text(elapsed)));
  }
  void failed(milliseconds elapsed) override {
    say(fmt::format("failed ({})", seconds_text(elapsed)));
  }

 private:
  void say(std::string_view text) {
    fmt::print(err_, "{}: {}\n", step_, text);
    err_.flush();
  }

  std::ostream& err_;
  std::string step_;
};

/// How a step's line begins.
struct Marks {
  std::string_view done;
  std::string_view failed;
  std::array<std::string_view, 4> running;
};
constexpr Marks kUnicodeMarks = {.done = "✓", .failed = "✗", .running = {"◐", "◓", "◑", "◒"}};
constexpr Marks kAsciiMarks = {.done = "+", .failed = "!", .running = {"|", "/", "-", "\\"}};

class LiveProgress final : public lab::Progress {
 public:
  explicit LiveProgress(Console& console)
      : err_(console.err),
        looks_(console.err_looks),
        columns_(console.err_columns),
        marks_(looks_.unicode ? kUnicodeMarks : kAsciiMarks),
        clock_(start_clock()) {}

  void started(std::string_view step) override {
    const std::lock_guard lock(mutex_);
    step_ = printable(step);
    note_.clear();
    begin_ = Clock::now();
    running_ = true;
    draw();
  }
  void note(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    note_ = printable(text);
    draw();
  }
  void finished(std::string_view outcome, milliseconds elapsed) override {
    end(marks_.done, Color::green, outcome, elapsed);
  }
  void failed(milliseconds elapsed) override { end(marks_.failed, Color::red, "", elapsed); }

 private:
  // Carriage return, then "erase to the end of the line" (ECMA-48 §8.3.41).
  static constexpr std::string_view kRedraw = "\r\x1b[K";
  static constexpr milliseconds kTick{100};

  /// The clock's thread must not be the one that a signal for the work goes to, and a thread has
  /// the signal mask of the one that starts it.
  std::jthread start_clock() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::jthread clock([this](const std::stop_token& stop) { run_clock(stop); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return clock;
  }

  void run_clock(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!ticking_.wait_for(lock, stop, kTick, [&] { return stop.stop_requested(); })) {
      if (running_) draw();
    }
  }

  /// With mutex_ held.
  void draw() {
    const auto elapsed = Clock::now() - begin_;
    const auto turn = static_cast<std::size_t>(elapsed / kTick) % marks_.running.size();
    line(marks_.running.at(turn), Color::yellow, note_, elapsed, "");
  }

  void end(std::string_view mark, Color color, std::string_view outcome, milliseconds elapsed) {
    const std::lock_guard lock(mutex_);
    running_ = false;
    line(mark, color, printable(outcome), elapsed, "\n");
  }

  /// A line that does not fit would wrap, and could not be drawn again.
  void line(std::string_view mark, Color color, const std::string& rest, Clock::duration elapsed,
            std::string_view ending) {
    const std::string left = fmt::format("{:<20} {:>8}", step_, seconds_text(elapsed));
    constexpr std::size_t kAround = 5;  // mark, blanks, and the cursor after the last character
    const std::size_t room =
        columns_ > left.size() + kAround ? columns_ - left.size() - kAround : 0;
    fmt::print(err_, "{}{} {}  {}{}", kRedraw, paint(mark, color, looks_), left,
               paint(rest.substr(0, room), Color::dim, looks_), ending);
    err_.flush();
  }

  std::ostream& err_;
  const Looks looks_;
  const std::size_t columns_;
  const Marks& marks_;
  std::mutex mutex_;
  std::condition_variable_any ticking_;
  std::string step_;
  std::string note_;
  Clock::time_point begin_;
  bool running_ = false;
  std::jthread clock_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<lab::Progress> make_progress(Console& console) {
  if (console.err_is_live) return std::make_unique<LiveProgress>(console);
  return std::make_unique<PlainProgress>(console);
}

}  // namespace mockdev::cli
