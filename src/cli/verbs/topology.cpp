// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/topology_view.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

enum class Form : std::uint8_t { tree, svg, json, yaml };

constexpr std::array<std::pair<std::string_view, Form>, 4> kForms = {{
    {"tree", Form::tree},
    {"svg", Form::svg},
    {"json", Form::json},
    {"yaml", Form::yaml},
}};

struct Options {
  Source source;
  Form form = Form::tree;
};

std::string text_of(const std::vector<MachineView>& machines, Form form, Looks looks) {
  switch (form) {
    case Form::tree:
      return tree_text(machines, looks);
    case Form::svg:
      return tree_svg(machines);
    case Form::json:
      return to_json_text(tree_document(machines));
    case Form::yaml:
      return to_yaml_text(tree_document(machines));
  }
  return "";
}

Result<Exit> run(const Options& options, Console& console) {
  const auto listing = list_devices(options.source);
  if (!listing) return std::unexpected(listing.error());
  console.out << text_of(arrange(*listing), options.form, console.out_looks);
  return report_problems(*listing);
}

void declare(Command& command) {
  const auto options = std::make_shared<Options>();
  add_source(command, options->source);
  command.choice("--output,-o", kForms, options->form,
                 "A tree for people, a picture, or for programs.");
  command.runs([options](Console& console, const Program&) { return run(*options, console); });
}

constexpr std::array<Verb::Example, 2> kExamples = {{
    {.line = "mock-device topology",
     .meaning = "Shows the tree of this machine, or of the only lab."},
    {.line = "mock-device topology --output svg > topology.svg", .meaning = "Draws it."},
}};

}  // namespace

constexpr Verb kTopology = {
    .name = "topology",
    .group = "Devices",
    .summary = "Shows where accelerators stand: machine, NUMA node, port",
    .description = "The devices come from where `mock-device devices` has them from.",
    .examples = kExamples,
    .declare = declare,
};

}  // namespace mockdev::cli
