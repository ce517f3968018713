// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>
#include <vector>

#include "cli/table.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

using nlohmann::json;

struct Options {
  Source source;
  Output output = Output::table;
};

/// A fault of the schedule; times are in seconds.
struct PlannedFault {
  std::string node;
  std::string device;
  std::string fault;
  std::optional<double> value;
  double at;
  std::optional<double> lasts;
  std::optional<double> every;
  bool on;
  std::optional<double> next;
};

std::optional<double> number_or_none(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

Result<std::vector<PlannedFault>> planned_faults(const json& reply) {
  try {
    std::vector<PlannedFault> faults;
    for (const json& row : reply.at("schedule")) {
      faults.push_back({.node = row.at("node").get<std::string>(),
                        .device = row.at("device").get<std::string>(),
                        .fault = row.at("fault").get<std::string>(),
                        .value = number_or_none(row.at("value")),
                        .at = row.at("at").get<double>(),
                        .lasts = number_or_none(row.at("for")),
                        .every = number_or_none(row.at("every")),
                        .on = row.at("on").get<bool>(),
                        .next = number_or_none(row.at("next"))});
    }
    return faults;
  } catch (const json::exception& error) {
    return fail("the server's answer to \"schedule\" is not understood: {}", error.what());
  }
}

Document number_or_null(const std::optional<double>& number) {
  return number ? Document(*number) : Document(nullptr);
}

Document document_of(const std::vector<PlannedFault>& faults) {
  Document rows = Document::array();
  for (const PlannedFault& fault : faults) {
    rows.push_back({{"node", fault.node},
                    {"device", fault.device},
                    {"fault", fault.fault},
                    {"value", number_or_null(fault.value)},
                    {"at", fault.at},
                    {"for", number_or_null(fault.lasts)},
                    {"every", number_or_null(fault.every)},
                    {"on", fault.on},
                    {"next", number_or_null(fault.next)}});
  }
  return {{"schedule", std::move(rows)}};
}

std::string seconds_text(const std::optional<double>& seconds) {
  return seconds ? fmt::format("{} s", *seconds) : "";
}

Table table_of(const std::vector<PlannedFault>& faults) {
  Table table({"NODE", "DEVICE", "FAULT", "VALUE", "AT", "FOR", "EVERY", "NOW", "NEXT IN"});
  for (const PlannedFault& fault : faults) {
    table.add({Cell(fault.node), Cell(fault.device, Color::bold), Cell(fault.fault),
               Cell(fault.value ? fmt::format("{}", *fault.value) : ""),
               Cell(seconds_text(fault.at)), Cell(seconds_text(fault.lasts)),
               Cell(seconds_text(fault.every)), fault.on ? Cell("on", Color::yellow) : Cell("off"),
               Cell(fault.next ? fmt::format("{:.0f} s", *fault.next) : "never")});
  }
  return table;
}

Result<Exit> run(const Options& options, Console& console) {
  const auto reply = ask_server(options.source, {{"verb", "schedule"}});
  if (!reply) return std::unexpected(reply.error());
  const auto faults = planned_faults(*reply);
  if (!faults) return std::unexpected(faults.error());
  if (options.output != Output::table) {
    console.out << to_text(document_of(*faults), options.output);
  } else if (faults->empty()) {
    console.err << "No faults are planned.\n";
  } else {
    console.out << table_of(*faults).text(console.out_looks);
  }
  return Exit::success;
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_server(command, options->source);
  add_output(command, options->output);
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 1> kExamples = {{
    {.line = "mock-device schedule", .meaning = "Lists what is to happen in the only lab."},
}};

}  // namespace

constexpr Verb kSchedule = {
    .name = "schedule",
    .group = "Devices",
    .summary = "Lists the faults that the topology file has planned",
    .description =
        "Their times count from when the device server began to serve. A planned fault and one of "
        "`mock-device fault` may be on together; neither takes the other away.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
