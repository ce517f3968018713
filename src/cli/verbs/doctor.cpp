// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "cli/host_name.h"
#include "cli/table.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "control/client.h"
#include "doctor/compatibility.h"
#include "doctor/machine.h"
#include "doctor/node.h"
#include "doctor/report.h"
#include "lab/installation.h"
#include "lab/kvm.h"
#include "lab/lab.h"
#include "lab/qemu_tree.h"
#include "mock_accel.h"

namespace mockdev::cli {
namespace {

namespace fs = std::filesystem;

using doctor::Finding;
using doctor::Report;
using doctor::Severity;

struct Options {
  bool machine = false;
  bool cluster = false;
  std::optional<std::string> node;  ///< empty: this machine
  std::optional<fs::path> kubeconfig;
  std::optional<std::string> lab;
  Output output = Output::table;
};

// ---- This machine ----

doctor::LabFacts facts_of(const lab::LabStatus& lab) {
  doctor::LabFacts facts{.name = lab.name,
                         .broken = lab.state == lab::State::broken,
                         .server = {},
                         .starting = lab.state == lab::State::starting};
  if (lab.state == lab::State::running && lab.server_pid != 0) {
    auto client = control::Client::connect(lab.control_socket);
    if (!client) facts.server = std::unexpected(client.error());
  }
  return facts;
}

/// Which QEMU labs take; empty: none yet.
std::string qemu_text(const fs::path& cache) {
  const auto own = lab::host_qemu(lab::Architecture::amd64);
  if (!own.empty()) return own[0];
  const auto names = names_in(cache);
  if (!names) return "";
  const auto tree = std::ranges::find_if(*names, [](const std::string& name) {
    return name.starts_with("qemu-") && !name.ends_with(".log");
  });
  return tree == names->end() ? "" : "unpacked in the cache";
}

Result<std::string> output_of(const std::vector<std::string>& argv) {
  constexpr std::chrono::seconds kPatience{10};
  if (find_program(argv[0]).empty()) return fail("{}: not installed", argv[0]);
  return run_checked({.argv = argv}, {.timeout = kPatience});
}

Result<void> look_at_machine(Report& report) {
  const auto cache = lab::cache_folder();
  if (!cache) return std::unexpected(cache.error());
  const auto labs = lab::status();
  if (!labs) return std::unexpected(labs.error());
  doctor::MachineSettings settings{
      .cache = *cache,
      .is_root = ::geteuid() == 0,
      .kvm = lab::try_kvm(),
      .qemu = qemu_text(*cache),
      .labs = {},
      .has_program = [](std::string_view name) { return !find_program(name).empty(); },
      .run = output_of};
  for (const lab::LabStatus& lab : *labs) settings.labs.push_back(facts_of(lab));
  check_machine(settings, report);
  return {};
}

void look_at_node(Report& report) {
  check_node({.name = host_name(), .newest_abi = MOCK_ACCEL_ABI_VERSION, .run = output_of}, report);
}

// ---- The cluster ----

/// Whether there is a cluster that a client finds by itself.
bool has_configuration() {
  if (std::getenv("KUBECONFIG") != nullptr || std::getenv("KUBERNETES_SERVICE_HOST") != nullptr) {
    return true;
  }
  const char* const home = std::getenv("HOME");
  std::error_code ignored;
  return home != nullptr && fs::exists(fs::path(home) / ".kube/config", ignored);
}

/// The administrator's configuration of the only lab with Kubernetes; empty: there is none.
fs::path kubeconfig_of_labs() {
  const auto labs = lab::status();
  fs::path found;
  if (!labs) return found;
  for (const lab::LabStatus& lab : *labs) {
    if (!lab.kubernetes) continue;
    if (!found.empty()) return {};
    found = lab.kubernetes->kubeconfig;
  }
  return found;
}

/// How to reach the cluster: a file, or empty where the client finds it by itself.
Result<fs::path> find_cluster(const Options& options) {
  if (options.kubeconfig) return *options.kubeconfig;
  if (options.lab) {
    const auto lab = lab::status(*options.lab);
    if (!lab) return std::unexpected(lab.error());
    if (!lab->kubernetes) return fail("lab {} has no Kubernetes", *options.lab);
    return lab->kubernetes->kubeconfig;
  }
  return has_configuration() ? fs::path() : kubeconfig_of_labs();
}

/// The DRA driver's program knows the API of Kubernetes, and what this one does without: guests
/// have the libraries of a bare Debian.
Result<void> look_at_cluster(const Options& options, Report& report) {
  constexpr std::chrono::minutes kPatience{5};
  const auto parts = lab::installation();
  if (!parts) return std::unexpected(parts.error());
  const auto kubeconfig = find_cluster(options);
  if (!kubeconfig) return std::unexpected(kubeconfig.error());
  mockdev::Command command{.argv = {parts->driver, "doctor"}};
  if (!kubeconfig->empty()) command.argv.insert(command.argv.end(), {"--kubeconfig", *kubeconfig});
  if (options.node && !options.node->empty()) {
    command.argv.insert(command.argv.end(), {"--of-node", *options.node});
  }
  // What a program that fetches credentials has to say is for the person, too.
  const auto output = run_checked(command, {.timeout = kPatience, .errors_apart = true});
  if (!output) return std::unexpected(output.error());
  return add_from_json(nlohmann::json::parse(*output, nullptr, /*allow_exceptions=*/false), report);
}

// ---- What is looked at, and how it is shown ----

/// What is looked at where nothing is named: what is here.
void choose(Options& options) {
  if (options.machine || options.cluster || options.node) return;
  std::error_code ignored;
  const bool is_node = fs::exists("/sys/class/mock-accel", ignored) ||
                       fs::exists("/var/lib/kubelet/plugins", ignored);
  if (is_node) {
    options.node = "";
  } else {
    options.machine = true;
  }
  options.cluster =
      options.kubeconfig || options.lab || has_configuration() || !kubeconfig_of_labs().empty();
}

Result<Report> look(Options options) {
  choose(options);
  Report report;
  if (options.machine) {
    if (auto done = look_at_machine(report); !done) return std::unexpected(done.error());
  }
  const bool other_node = options.node && !options.node->empty();
  if (options.node && !other_node) look_at_node(report);
  if (options.cluster || other_node) {
    if (auto done = look_at_cluster(options, report); !done) return std::unexpected(done.error());
  }
  return report;
}

Color color_of(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return Color::green;
    case Severity::note:
      return Color::dim;
    case Severity::warning:
      return Color::yellow;
    case Severity::error:
      return Color::red;
  }
  return Color::plain;
}

/// What is needed and what to do, below the table.
std::string advice_text(const Finding& finding, Looks looks) {
  std::string text = fmt::format(
      "\n{} {}, {}\n", paint(to_string(finding.severity), color_of(finding.severity), looks),
      finding.id, printable(finding.subject));
  if (!finding.advice.needed.empty()) {
    text += fmt::format("    needed  {}\n", printable(finding.advice.needed));
  }
  if (!finding.advice.remedy.empty()) {
    text += fmt::format("    do      {}\n", printable(finding.advice.remedy));
  }
  return text;
}

std::string text_of(const Report& report, Looks looks) {
  Table table({"SEVERITY", "CHECK", "SUBJECT", "FOUND"});
  std::string advice;
  for (const Finding& finding : report.findings()) {
    table.add({{std::string(to_string(finding.severity)), color_of(finding.severity)},
               finding.id,
               printable(finding.subject),
               printable(finding.found)});
    const bool has_advice = !finding.advice.needed.empty() || !finding.advice.remedy.empty();
    if (finding.severity != Severity::ok && has_advice) advice += advice_text(finding, looks);
  }
  return table.text(looks) + advice;
}

Result<Exit> run(const Options& options, Console& console) {
  const auto report = look(options);
  if (!report) return std::unexpected(report.error());
  if (options.output == Output::table) {
    console.out << text_of(*report, console.out_looks);
  } else {
    console.out << to_text(to_json(*report, MOCK_DEVICE_VERSION), options.output);
  }
  const unsigned errors = report->count(Severity::error);
  if (errors > 0) return fail("{} of {} findings are errors", errors, report->findings().size());
  return Exit::success;
}

/// A node's name, or nothing for this machine.
Result<std::string> parse_node(std::string_view text) {
  return std::string(text);
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  command.flag("--machine", options->machine, "This machine, as one that labs run on.");
  command
      .value("--node", parse_node, options->node, "[NAME]",
             "This machine, as a node with accelerators; with a name that node of the cluster, by "
             "its agent's own report.")
      .optional_value();
  command.flag("--cluster", options->cluster, "The cluster.");
  const OptionRules kubeconfig =
      command.value("--kubeconfig", parse_path, options->kubeconfig, "FILE",
                    "How to reach the cluster. Without it: `KUBECONFIG`, the pod's own cluster, "
                    "`~/.kube/config`, or the only lab with Kubernetes.",
                    {.kind = Values::Kind::files});
  command.value("--lab", parse_text, options->lab, "NAME", "The cluster of this lab.", lab_values())
      .excludes(kubeconfig);
  add_output(command, options->output);
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

void declare_compatibility(Command& command) {
  command.runs([](Console& console, const Program&) -> Result<Exit> {
    console.out << compatibility_page(doctor::compatibility());
    return Exit::success;
  });
}

constexpr std::array<Verb::Example, 4> kExamples = {{
    {.line = "mock-device doctor", .meaning = "Looks at what is here."},
    {.line = "mock-device doctor --cluster", .meaning = "Looks at the cluster."},
    {.line = "mock-device doctor --node node0", .meaning = "Asks the agent of a node."},
    {.line = "mock-device doctor -o json | jq '.findings[] | select(.severity==\"error\")'",
     .meaning = "Only what does not work."},
}};

}  // namespace

constexpr Verb kDoctor = {
    .name = "doctor",
    .group = "Health",
    .summary = "Finds what is wrong with a machine, a node or a cluster",
    .description =
        "Compares with what mock-device needs, and says of each finding what was found, what is "
        "needed and what to do. Without any of `--machine`, `--node` and `--cluster` it looks at "
        "what is here. Nothing is changed.\n\n"
        "What the user may not look at is a note that names the right that is missing. The exit "
        "status is 1 if a finding is an error.",
    .examples = kExamples,
    .declare = declare,
};

constexpr Verb kCompatibility = {
    .name = "compatibility",
    .group = "",
    .summary = "Prints docs/compatibility.md",
    .description = "",
    .examples = {},
    .declare = declare_compatibility,
};

}  // namespace mockdev::cli
