// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/ostream.h>

#include "base/units.h"
#include "cli/progress_line.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

using lab::Accelerator;
using lab::Architecture;
using lab::GuestKernel;

constexpr std::array<std::pair<std::string_view, Accelerator>, 3> kAccelerators = {{
    {"automatic", Accelerator::automatic},
    {"kvm", Accelerator::kvm},
    {"tcg", Accelerator::tcg},
}};

constexpr std::array<std::pair<std::string_view, Architecture>, 2> kArchitectures = {{
    {"amd64", Architecture::amd64},
    {"arm64", Architecture::arm64},
}};

constexpr std::array<std::pair<std::string_view, GuestKernel>, 4> kKernels = {{
    {"6.12", GuestKernel::linux_6_12},
    {"6.1", GuestKernel::linux_6_1},
    {"newest", GuestKernel::newest},
    {"debug", GuestKernel::debug},
}};

constexpr std::string_view kNoKubernetes = "none";

struct Options {
  lab::UpOptions up;
  bool dry_run = false;
};

Result<std::optional<lab::KubernetesVersion>> parse_kubernetes(std::string_view text) {
  if (text == kNoKubernetes) return std::nullopt;
  const auto version = lab::parse_kubernetes_version(text);
  if (!version) return std::unexpected(version.error());
  return *version;
}

std::vector<Candidate> kubernetes_candidates(const Typed& /*typed*/) {
  std::vector<Candidate> words = {{.word = std::string(kNoKubernetes)}};
  for (const std::string& minor : lab::kubernetes_minors()) words.push_back({.word = minor});
  return words;
}

Result<Exit> print_commands(const Options& options, Console& console) {
  const auto commands = lab::dry_run(options.up);
  if (!commands) return std::unexpected(commands.error());
  console.out << *commands;
  return Exit::success;
}

Result<Exit> run(Options options, Console& console) {
  const char* const source = std::getenv("KMM_SOURCE");
  if (options.up.kmm && options.up.kmm_source.empty() && source != nullptr) {
    options.up.kmm_source = source;
  }
  if (options.dry_run) return print_commands(options, console);
  const auto progress = make_progress(console);
  if (auto done = lab::up(options.up, *progress); !done) return std::unexpected(done.error());
  const std::string which =
      options.up.name == lab::kDefaultName ? "" : fmt::format(" --lab {}", options.up.name);
  const std::string use = options.up.nodes == 0U
                              ? fmt::format("\"mock-device kubectl{} -- get ns\" asks it", which)
                              : fmt::format("\"mock-device exec{}\" opens a shell in it", which);
  fmt::print(console.err, "The lab \"{}\" is up. {}, \"mock-device down{}\" ends it.\n",
             options.up.name, use, which);
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  lab::UpOptions& up = options->up;
  command.value("--lab", parse_text, up.name, "NAME", "The lab's name. Without it: default.");
  command.value(
      "--topology", parse_text, up.topology, "NAME|FILE",
      fmt::format("A ready-made topology by its name, or a topology file, which has a / in "
                  "its path or ends in .yaml. Without it: {}, or {} with Kubernetes.",
                  lab::kDefaultTopology, lab::kDefaultClusterTopology),
      {.kind = Values::Kind::files});
  command.value("--nodes", parse_whole, up.nodes, "N",
                "Only the first N machines of the topology; 0 with --kubernetes is a control plane "
                "alone. Without it: all of them.");
  command.value("--cpus", parse_count, up.cpus, "N",
                "Virtual CPUs of each machine. Without it: 2, or one a NUMA node.");
  command.value(
      "--memory", parse_byte_count, up.memory, "SIZE",
      "Memory of each machine, such as 4GiB. Without it: 1 GiB, or 2 GiB with Kubernetes.");
  command.choice("--arch", kArchitectures, up.architecture,
                 "What kind of computer the machines are. arm64 takes programs that `make arm64` "
                 "has built, and goes without Kubernetes. Without it: amd64.");
  command.choice("--accelerator", kAccelerators, up.accelerator,
                 "What runs the machines: automatic takes KVM where it works and else TCG, which "
                 "works everywhere and is several times slower.");
  command.value("--boot-timeout", parse_seconds, up.boot_timeout, "SECONDS",
                "How long a machine may take until it is ready. Without it: 600.");
  command.choice(
      "--kernel", kKernels, up.kernel,
      "Which Linux the machines boot: 6.12 is Debian 13's, 6.1 Debian 12's, newest that "
      "of Debian 13's backports. debug looks for errors in drivers, with KASAN, lockdep, "
      "KUnit and fault injection; the first time it is built, which takes some ten "
      "minutes. Without it: 6.12.");
  command.value("--kubernetes", parse_kubernetes, up.kubernetes, "VERSION",
                fmt::format("Kubernetes of this version: {}, a full version such as 1.36.3, or "
                            "none. Without it: none.",
                            fmt::join(lab::kubernetes_minors(), ", ")),
                {.kind = Values::Kind::words, .words = kubernetes_candidates});
  command.value("--kubernetes-bin", parse_path, up.kubernetes_programs, "FOLDER",
                "Kubernetes' programs are in this folder, ready to run. Without it: they are built "
                "and kept.",
                {.kind = Values::Kind::folders});
  command.value("--simulated-nodes", parse_count, up.simulated_nodes, "N",
                "So many nodes that no machine is behind: kwok plays their kubelets, and each has "
                "eight devices on two NUMA nodes.");
  command.value("--simulated-topology", parse_path, up.simulated_topology, "FILE",
                "Such nodes as a topology file says, instead of a number of them.",
                {.kind = Values::Kind::files});
  command.flag("--kmm", up.kmm,
               "With Kernel Module Management in the cluster, which loads the kernel modules: the "
               "machines come up without them.");
  command.value("--kmm-source", parse_path, up.kmm_source, "PATH",
                "Its source, a checkout or an archive. Without it: what KMM_SOURCE names. It is "
                "built once and kept.",
                {.kind = Values::Kind::files});
  command.flag("--dry-run", options->dry_run, "Prints the commands instead of running them.");
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 4> kExamples = {{
    {.line = "mock-device up", .meaning = "Starts the lab \"default\"."},
    {.line = "mock-device up --lab big --topology ./big.yaml --memory 4GiB",
     .meaning = "Starts a second lab beside it, from a file."},
    {.line = "mock-device up --nodes 0 --kubernetes 1.36",
     .meaning = "Starts a Kubernetes that has no nodes, in seconds."},
    {.line = "mock-device up --nodes 0 --kubernetes 1.36 --simulated-nodes 1000",
     .meaning = "Starts a Kubernetes with a thousand nodes for a scheduler to look at."},
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
        "With `--kubernetes` the lab has a control plane as well: etcd, API server, controller "
        "manager and scheduler on this computer's loopback address, with DRA and all of its API "
        "versions switched on.\n\n"
        "The first time, what the machines need is made and kept for the next time, which takes "
        "some minutes. Ctrl-C at any moment stops and removes what has been started.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
