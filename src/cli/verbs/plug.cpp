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
};

Result<Exit> run(const Options& options) {
  const nlohmann::json request = {{"verb", "plug"}, {"device", options.device}};
  if (auto done = ask_server(options.source, request); !done) return std::unexpected(done.error());
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_device(command, options->device);
  add_server(command, options->source);
  command.runs([options](Console&, const Program&) { return run(*options); });
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device plug mock0", .meaning = "Puts a card that was pulled out back."},
}};

}  // namespace

constexpr Verb kPlug = {
    .name = "plug",
    .group = "Devices",
    .summary = "Puts a device back into its slot",
    .description =
        "The card starts as after power-on, without an owner and without VFs; faults that it had "
        "are still there. The machine hears of it from the slot.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
