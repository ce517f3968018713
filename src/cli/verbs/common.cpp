// SPDX-License-Identifier: Apache-2.0
#include "cli/verbs/common.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <vector>

#include "accel/faults.h"
#include "control/client.h"
#include "lab/lab.h"

namespace mockdev::cli {
namespace {

/// The value that was typed for an option.
template <typename T = std::string>
std::optional<T> typed_value(const Typed& typed, const std::string& name) {
  const auto found = typed.find(name);
  if (found == typed.end()) return std::nullopt;
  return T(found->second);
}

Source typed_source(const Typed& typed) {
  return {.lab = typed_value(typed, "--lab"),
          .control = typed_value<std::filesystem::path>(typed, "--control"),
          .sysfs = typed_value<std::filesystem::path>(typed, "--sysfs")};
}

std::vector<Candidate> lab_names(const Typed& /*typed*/) {
  std::vector<Candidate> names;
  const auto labs = lab::status();
  if (!labs) return names;
  for (const auto& lab : *labs) {
    names.push_back({.word = lab.name, .meaning = std::string(lab::to_string(lab.state))});
  }
  return names;
}

std::vector<Candidate> node_names(const Typed& typed) {
  std::vector<Candidate> names;
  const auto name = find_lab(typed_value(typed, "--lab"));
  if (!name) return names;
  const auto lab = lab::status(*name);
  if (!lab) return names;
  for (const auto& node : lab->nodes) names.push_back({.word = node.name});
  return names;
}

std::vector<Candidate> device_names(const Typed& typed) {
  std::vector<Candidate> names;
  const auto listing = list_devices(typed_source(typed));
  if (!listing) return names;
  for (const Accelerator& device : listing->devices) {
    names.push_back({.word = qualified_name(device),
                     .meaning = fmt::format("{}, {}", to_string(device.memory),
                                            discovery::to_string(device.health))});
  }
  return names;
}

std::vector<Candidate> fault_names(const Typed& /*typed*/) {
  std::vector<Candidate> names;
  for (const accel::FaultKind& kind : accel::fault_kinds()) {
    names.push_back({.word = std::string(kind.name), .meaning = std::string(kind.meaning)});
  }
  return names;
}

Result<std::string> parse_fault_kind(std::string_view text) {
  std::vector<std::string_view> names;
  names.reserve(accel::fault_kinds().size());
  for (const accel::FaultKind& kind : accel::fault_kinds()) {
    if (kind.name == text) return std::string(text);
    names.push_back(kind.name);
  }
  return fail("{} is none of {}", text, fmt::join(names, ", "));
}

Values words(std::vector<Candidate> (*now)(const Typed&)) {
  return {.kind = Values::Kind::words, .words = now};
}

Result<unsigned> parse_number_from(unsigned least, std::string_view text) {
  unsigned number = 0;
  const char* const end = std::to_address(text.end());
  const auto [rest, error] = std::from_chars(std::to_address(text.begin()), end, number);
  if (error == std::errc{} && rest == end && number >= least) return number;
  return fail("{} is not a whole number from {}", text, least);
}

OptionRules add_control(Command& command, Source& into) {
  return command.value("--control", parse_path, into.control, "SOCKET",
                       "The server with this control socket.", {.kind = Values::Kind::files});
}

}  // namespace

Result<std::string> parse_text(std::string_view text) {
  if (text.empty()) return fail("a value is missing");
  return std::string(text);
}

Result<std::filesystem::path> parse_path(std::string_view text) {
  if (text.empty()) return fail("a path is missing");
  return std::filesystem::path(text);
}

Result<unsigned> parse_whole(std::string_view text) {
  return parse_number_from(0, text);
}

Result<unsigned> parse_count(std::string_view text) {
  return parse_number_from(1, text);
}

Result<std::chrono::seconds> parse_seconds(std::string_view text) {
  const auto count = parse_count(text);
  if (!count) return std::unexpected(count.error());
  return std::chrono::seconds{*count};
}

Result<double> parse_real(std::string_view text) {
  double number = 0;
  const char* const end = std::to_address(text.end());
  const auto [rest, error] = std::from_chars(std::to_address(text.begin()), end, number);
  if (error == std::errc{} && rest == end && std::isfinite(number)) return number;
  return fail("{} is not a number", text);
}

std::string to_text(const Document& document, Output output) {
  return output == Output::json ? to_json_text(document) : to_yaml_text(document);
}

Result<Exit> report_problems(const Listing& listing) {
  std::vector<std::string> lines;
  lines.reserve(listing.problems.size());
  for (const auto& [device, message] : listing.problems) {
    lines.push_back(device.empty() ? message : fmt::format("{}: {}", device, message));
  }
  if (lines.empty()) return Exit::success;
  return fail("{}", fmt::join(lines, "\n"));
}

Result<nlohmann::json> ask_server(const Source& source, const nlohmann::json& request) {
  const auto path = find_server(source);
  if (!path) return std::unexpected(path.error());
  auto client = control::Client::connect(*path);
  if (!client) return std::unexpected(client.error());
  return client->call(request);
}

std::string fault_kinds_text() {
  std::vector<std::string> kinds;
  kinds.reserve(accel::fault_kinds().size());
  for (const accel::FaultKind& kind : accel::fault_kinds()) {
    kinds.push_back(fmt::format("{} ({})", kind.name, kind.meaning));
  }
  return fmt::format("{}", fmt::join(kinds, ", "));
}

std::string fault_values_text() {
  std::vector<std::string> values;
  for (const accel::FaultKind& kind : accel::fault_kinds()) {
    if (!kind.value) continue;
    values.push_back(fmt::format("{} from {:.0f} to {:.0f} {}, {} if omitted", kind.name,
                                 kind.value->least, kind.value->most, kind.value->unit,
                                 kind.value->if_omitted));
  }
  return fmt::format("{}", fmt::join(values, "; "));
}

Values lab_values() {
  return words(lab_names);
}

void add_output(Command& command, Output& into) {
  command.choice("--output,-o", kOutputs, into, "For people, or for programs.");
}

OptionRules add_lab(Command& command, std::optional<std::string>& into) {
  return command.value("--lab", parse_text, into, "NAME",
                       "The lab of this name. Without it: the only lab that there is.",
                       lab_values());
}

void add_node(Command& command, std::string& into) {
  command.value("--node", parse_text, into, "NODE",
                "The machine of this name. Without it: the first one of the lab.",
                words(node_names));
}

void add_server(Command& command, Source& into) {
  const OptionRules lab = add_lab(command, into.lab);
  add_control(command, into).excludes(lab);
}

void add_source(Command& command, Source& into) {
  const OptionRules lab =
      command.value("--lab", parse_text, into.lab, "NAME",
                    "The devices of this lab. Without any of --lab, --control and --sysfs: those "
                    "of this machine, or else those of the only lab that runs.",
                    lab_values());
  const OptionRules control = add_control(command, into).excludes(lab);
  command
      .value("--sysfs", parse_path, into.sysfs, "FOLDER",
             "The devices in this copy of /sys or of a part of it.",
             {.kind = Values::Kind::folders})
      .excludes(lab)
      .excludes(control);
}

void add_device(Command& command, std::string& into) {
  command
      .value("DEVICE", parse_text, into, "DEVICE",
             "The device: its name, such as mock0, or mock0_vf3 for a VF; NODE/NAME where several "
             "machines have one of that name; or its UUID.",
             words(device_names))
      .required();
}

void declare_request(Command& command, const char* verb) {
  struct Options {
    Source source;
    std::string device;
  };
  const auto options = std::make_shared<Options>();
  add_device(command, options->device);
  add_server(command, options->source);
  command.runs([options, verb](Console&, const Program&) -> Result<Exit> {
    const nlohmann::json request = {{"verb", verb}, {"device", options->device}};
    if (auto done = ask_server(options->source, request); !done) {
      return std::unexpected(done.error());
    }
    return Exit::success;
  });
}

OptionRules add_fault_kind(Command& command, std::optional<std::string>& into,
                           const std::string& text) {
  return command.value("KIND", parse_fault_kind, into, "KIND", text, words(fault_names));
}

}  // namespace mockdev::cli
