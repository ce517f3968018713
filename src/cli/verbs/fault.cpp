// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

struct Options {
  Source source;
  std::string device;
  std::optional<std::string> kind;
  std::optional<double> value;
};

nlohmann::json request_of(const Options& options) {
  nlohmann::json request = {
      {"verb", "fault"}, {"device", options.device}, {"fault", *options.kind}};
  if (options.value) request["value"] = *options.value;
  return request;
}

Result<Exit> run(const Options& options) {
  if (auto done = ask_server(options.source, request_of(options)); !done) {
    return std::unexpected(done.error());
  }
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_device(command, options->device);
  add_fault_kind(command, options->kind, "What is wrong: " + fault_kinds_text() + ".").required();
  command.value("VALUE", parse_real, options->value, "VALUE",
                "How much of it, for the kinds that have a measure: " + fault_values_text() + ".");
  add_server(command, options->source);
  command.runs([options](Console&, const Program&) { return run(*options); });
}

constexpr std::array<Verb::Example, 3> kExamples = {{
    {.line = "mock-device fault mock0 degraded",
     .meaning = "Makes a device report that it is degraded."},
    {.line = "mock-device fault mock1 thermal 97.5",
     .meaning = "Makes a device report a temperature."},
    {.line = "mock-device fault mock1_vf3 hung", .meaning = "Makes the engine of one VF hang."},
}};

}  // namespace

constexpr Verb kFault = {
    .name = "fault",
    .group = "Devices",
    .summary = "Makes something go wrong with a device",
    .description =
        "Faults are injected from the host, into the server that serves the device; the machine "
        "notices as it would with hardware. A fault stays until `mock-device heal` takes it away, "
        "whatever the machine does, and several may be on at a time. A VF may have faults of its "
        "own, but none of its card's slot (link-down and the errors that AER reports), and loses "
        "them when it goes. Faults that the topology file has planned come beside these: "
        "`mock-device schedule` lists them.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
