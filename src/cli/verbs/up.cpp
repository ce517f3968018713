// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>
#include <string>

#include <fmt/ostream.h>

#include "base/units.h"
#include "cli/progress_line.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

using lab::Accelerator;

constexpr std::array<std::pair<std::string_view, Accelerator>, 3> kAccelerators = {{
    {"automatic", Accelerator::automatic},
    {"kvm", Accelerator::kvm},
    {"tcg", Accelerator::tcg},
}};

enum class Kubernetes : std::uint8_t { none };
constexpr std::array<std::pair<std::string_view, Kubernetes>, 1> kKubernetes = {{
    {"none", Kubernetes::none},
}};

struct Options {
  lab::UpOptions up;
  Kubernetes kubernetes = Kubernetes::none;
  bool dry_run = false;
};

Result<std::chrono::seconds> parse_seconds(std::string_view text) {
  const auto count = parse_count(text);
  if (!count) return std::unexpected(count.error());
  return std::chrono::seconds{*count};
}

Result<Exit> print_commands(const Options& options, Console& console) {
  const auto commands = lab::dry_run(options.up);
  if (!commands) return std::unexpected(commands.error());
  console.out << *commands;
  return Exit::success;
}

Result<Exit> run(const Options& options, Console& console) {
  if (options.dry_run) return print_commands(options, console);
  const auto progress = make_progress(console);
  if (auto done = lab::up(options.up, *progress); !done) return std::unexpected(done.error());
  const std::string which =
      options.up.name == lab::kDefaultName ? "" : fmt::format(" --lab {}", options.up.name);
  fmt::print(console.err,
             "The lab \"{0}\" is up. \"mock-device exec{1}\" opens a shell in it, "
             "\"mock-device down{1}\" ends it.\n",
             options.up.name, which);
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  lab::UpOptions& up = options->up;
  command.value("--lab", parse_text, up.name, "NAME", "The lab's name. Without it: default.");
  command.value(
      "--topology", parse_text, up.topology, "NAME|FILE",
      fmt::format("A ready-made topology by its name, or a topology file, which has a / in "
                  "its path or ends in .yaml. Without it: {}.",
                  up.topology),
      {.kind = Values::Kind::files});
  command.value("--nodes", parse_count, up.nodes, "N",
                "Only the first N machines of the topology. Without it: all of them.");
  command.value("--cpus", parse_count, up.cpus, "N",
                "Virtual CPUs of each machine. Without it: 2, or one a NUMA node.");
  command.value("--memory", parse_byte_count, up.memory, "SIZE",
                "Memory of each machine, such as 2GiB. Without it: 1 GiB.");
  command.choice("--accelerator", kAccelerators, up.accelerator,
                 "What runs the machines: automatic takes KVM where it works and else TCG, which "
                 "works everywhere and is several times slower.");
  command.value("--boot-timeout", parse_seconds, up.boot_timeout, "SECONDS",
                "How long a machine may take until it is ready. Without it: 300.");
  command.choice("--kubernetes", kKubernetes, options->kubernetes,
                 "What runs in the machines: none is Linux and the devices, nothing else.");
  command.flag("--dry-run", options->dry_run, "Prints the commands instead of running them.");
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 2> kExamples = {{
    {.line = "mock-device up", .meaning = "Starts the lab \"default\"."},
    {.line = "mock-device up --lab big --topology ./big.yaml --memory 4GiB",
     .meaning = "Starts a second lab beside it, from a file."},
}};

}  // namespace

constexpr Verb kUp = {
    .name = "up",
    .group = "Labs",
    .summary = "Starts virtual machines with accelerators in them",
    .description =
        "A lab is what a topology says: each machine of it becomes a QEMU guest, and one "
        "mock-accel-server serves the devices of all of them. The verb ends when every machine "
        "answers and shows its devices; they run on until `mock-device down`.\n\n"
        "The first time, what the machines need is made and kept for the next time, which takes "
        "some minutes. Ctrl-C at any moment stops and removes what has been started.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
