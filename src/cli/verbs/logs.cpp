// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

using lab::LogSource;

constexpr std::array<std::pair<std::string_view, LogSource>, 10> kSources = {{
    {"serial", LogSource::serial},
    {"qemu", LogSource::qemu},
    {"server", LogSource::server},
    {"etcd", LogSource::etcd},
    {"apiserver", LogSource::apiserver},
    {"controller-manager", LogSource::controller_manager},
    {"scheduler", LogSource::scheduler},
    {"kwok", LogSource::kwok},
    {"simulation", LogSource::simulation},
    {"network", LogSource::network},
}};

struct Options {
  std::optional<std::string> lab;
  lab::LogOptions logs;
};

Result<Exit> run(const Options& options, Console& console) {
  const auto name = find_lab(options.lab);
  if (!name) return std::unexpected(name.error());
  lab::LogOptions wanted = options.logs;
  wanted.name = *name;
  const auto print = [&](std::string_view piece) { console.out << piece << std::flush; };
  if (auto done = lab::logs(wanted, print); !done) return std::unexpected(done.error());
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  lab::LogOptions& logs = options->logs;
  add_lab(command, options->lab);
  add_node(command, logs.node);
  command.choice(
      "--source", kSources, logs.source,
      "Whose words: the machine's on its serial port, QEMU's, the device server's or those "
      "of a part of the control plane. Without it: serial.");
  command.value("--tail", parse_count, logs.tail, "N", "Only the last N lines.");
  command.flag("--follow,-f", logs.follow, "Goes on with what is written from now on.");
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device logs --source server --follow", .meaning = "Watches the server at work."},
}};

}  // namespace

constexpr Verb kLogs = {
    .name = "logs",
    .group = "Labs",
    .summary = "Prints what a machine or a program of a lab has written",
    .description = "",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
