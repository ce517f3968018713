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
};

nlohmann::json request_of(const Options& options) {
  nlohmann::json request = {{"verb", "heal"}, {"device", options.device}};
  if (options.kind) request["fault"] = *options.kind;
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
  add_fault_kind(command, options->kind, "The fault to take away. Without it: all of them.");
  add_server(command, options->source);
  command.runs([options](Console&, const Program&) { return run(*options); });
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device heal mock0", .meaning = "Takes all faults of a device away."},
}};

}  // namespace

constexpr Verb kHeal = {
    .name = "heal",
    .group = "Devices",
    .summary = "Takes faults away from a device",
    .description =
        "Healing what is not there is no failure. What the topology file has planned goes "
        "when its time is over, and not before; VFs have to be healed by themselves.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
