// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <chrono>
#include <memory>

#include "cli/progress_line.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

struct Options {
  std::optional<std::string> lab;
  std::chrono::seconds boot_timeout{600};
};

Result<Exit> run(const Options& options, Console& console) {
  const auto name = find_lab(options.lab);
  if (!name) return std::unexpected(name.error());
  const auto progress = make_progress(console);
  if (auto done = lab::repair(*name, options.boot_timeout, *progress); !done) {
    return std::unexpected(done.error());
  }
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_lab(command, options->lab);
  command.value("--boot-timeout", parse_seconds, options->boot_timeout, "SECONDS",
                "How long a machine may take until it is ready. Without it: 600.");
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device repair", .meaning = "Brings the only lab back."},
}};

}  // namespace

constexpr Verb kRepair = {
    .name = "repair",
    .group = "Labs",
    .summary = "Starts what has died of a lab",
    .description =
        "Machines that are off are started. Where the device server has died, it is started, and "
        "all machines are switched off and on, since QEMU does not connect to a server twice. A "
        "machine that is started has what it had after `mock-device up`. A lab that lacks nothing "
        "is left alone.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
