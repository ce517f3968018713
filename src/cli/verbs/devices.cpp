// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>
#include <vector>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/topology_view.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

struct Options {
  Source source;
  Output output = Output::table;
};

std::string numa_text(const Accelerator& device) {
  return device.numa_node ? std::to_string(*device.numa_node) : "";
}

/// One row a column; those that only one source knows are left out for the other.
struct Column {
  const char* title;
  bool of_kernel;
  bool of_server;
  Cell (*cell)(const Accelerator& device);
};

constexpr std::array<Column, 13> kColumns = {{
    {"NODE", false, true, [](const auto& d) { return Cell(d.node.value_or("")); }},
    {"NAME", true, true, [](const auto& d) { return Cell(d.name, Color::bold); }},
    {"TYPE", true, true, [](const auto& d) { return Cell(std::string(to_string(d.kind))); }},
    {"NUMA", true, true, [](const auto& d) { return Cell(numa_text(d)); }},
    {"PCI", true, false, [](const auto& d) { return Cell(d.pci ? to_string(*d.pci) : ""); }},
    {"SLOT", false, true,
     [](const auto& d) { return Cell(d.slot ? std::to_string(*d.slot) : ""); }},
    {"UUID", true, true, [](const auto& d) { return Cell(to_string(d.uuid)); }},
    {"MEMORY", true, true, [](const auto& d) { return Cell(to_string(d.memory)); }},
    {"CAPABILITIES", true, true,
     [](const auto& d) {
       return Cell(fmt::format("{}", fmt::join(capability_names(d.capabilities), ",")));
     }},
    {"HEALTH", true, true,
     [](const auto& d) { return Cell(std::string(to_string(d.health)), color_of(d.health)); }},
    {"TEMP", true, true,
     [](const auto& d) {
       return Cell(d.readings ? temperature_text(d.readings->temperature) : "");
     }},
    {"STATUS", true, true,
     [](const auto& d) {
       if (d.plugged && !*d.plugged) return Cell("pulled out", Color::yellow);
       return Cell(d.readings ? std::string(to_string(d.readings->status)) : "");
     }},
    {"OWNER", true, true,
     [](const auto& d) {
       return Cell(d.readings && d.readings->owner ? to_string(*d.readings->owner) : "");
     }},
}};

Table table_of(const Listing& listing) {
  std::vector<const Column*> columns;
  std::vector<std::string> heading;
  for (const Column& column : kColumns) {
    if (!(listing.from_server ? column.of_server : column.of_kernel)) continue;
    columns.push_back(&column);
    heading.emplace_back(column.title);
  }
  Table table(heading);
  for (const Accelerator& device : listing.devices) {
    std::vector<Cell> row;
    row.reserve(columns.size());
    for (const Column* const column : columns) row.push_back(column->cell(device));
    table.add(std::move(row));
  }
  return table;
}

Document document_of(const Listing& listing) {
  Document devices = Document::array();
  for (const Accelerator& device : listing.devices) devices.push_back(to_document(device));
  return {{"devices", std::move(devices)}};
}

Result<Exit> run(const Options& options, Console& console) {
  const auto listing = list_devices(options.source);
  if (!listing) return std::unexpected(listing.error());
  if (options.output != Output::table) {
    console.out << to_text(document_of(*listing), options.output);
  } else if (listing->devices.empty() && listing->problems.empty()) {
    console.err << "There are no devices.\n";
  } else {
    console.out << table_of(*listing).text(console.out_looks);
  }
  return report_problems(*listing);
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_source(command, options->source);
  add_output(command, options->output);
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 2> kExamples = {{
    {.line = "mock-device devices",
     .meaning = "Lists the devices of this machine, or of the only lab."},
    {.line = "mock-device devices --lab big --output json",
     .meaning = "Lists those of a lab, for a program."},
}};

}  // namespace

constexpr Verb kDevices = {
    .name = "devices",
    .group = "Devices",
    .summary = "Lists accelerators",
    .description =
        "In a machine that has accelerators, its kernel is asked. Elsewhere the server of a lab "
        "is, which knows no PCI addresses, since the machines give those, but names the machine "
        "and the slot. A device that could not be read is left out and said on standard error, "
        "and the exit status is then 1.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
