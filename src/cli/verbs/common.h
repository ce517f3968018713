// SPDX-License-Identifier: Apache-2.0
// Options that several verbs have: the same name means the same everywhere.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "cli/document.h"
#include "cli/source.h"

namespace mockdev::cli {

enum class Output : std::uint8_t { table, json, yaml };

inline constexpr std::array<std::pair<std::string_view, Output>, 3> kOutputs = {{
    {"table", Output::table},
    {"json", Output::json},
    {"yaml", Output::yaml},
}};

// Parsers for Command::value.
[[nodiscard]] Result<std::string> parse_text(std::string_view text);
[[nodiscard]] Result<std::filesystem::path> parse_path(std::string_view text);
[[nodiscard]] Result<unsigned> parse_whole(std::string_view text);                ///< 0 and more
[[nodiscard]] Result<unsigned> parse_count(std::string_view text);                ///< 1 and more
[[nodiscard]] Result<double> parse_real(std::string_view text);                   ///< finite
[[nodiscard]] Result<std::chrono::seconds> parse_seconds(std::string_view text);  ///< 1 and more

/// A document in the form that was asked for, which is not the table.
[[nodiscard]] std::string to_text(const Document& document, Output output);

/// Success, or what could not be read, one line a device.
[[nodiscard]] Result<Exit> report_problems(const Listing& listing);

/// Asks the server that `source` means, and gives its reply.
[[nodiscard]] Result<nlohmann::json> ask_server(const Source& source,
                                                const nlohmann::json& request);

/// The names of the faults, and what their values measure, in words.
[[nodiscard]] std::string fault_kinds_text();
[[nodiscard]] std::string fault_values_text();

/// The labs that there are, for completion.
[[nodiscard]] Values lab_values();

/// --output, -o: table, json or yaml.
void add_output(Command& command, Output& into);

/// --lab: a lab by name, completed with the labs that there are.
OptionRules add_lab(Command& command, std::optional<std::string>& into);

/// --node: a machine of the lab, completed with those that there are.
void add_node(Command& command, std::string& into);

/// --lab and --control, of which one may be given, for verbs that talk to a server.
void add_server(Command& command, Source& into);

/// --lab, --control and --sysfs, of which one may be given, for verbs that show devices.
void add_source(Command& command, Source& into);

/// DEVICE: a device by name, completed with those that there are.
void add_device(Command& command, std::string& into);

/// All of a verb that asks a server to do something to a device, of which nothing else is to be
/// said: DEVICE, --lab and --control, and the request by the name `verb`.
void declare_request(Command& command, const char* verb);

/// KIND of a fault, completed with those that there are.
OptionRules add_fault_kind(Command& command, std::optional<std::string>& into,
                           const std::string& text);

}  // namespace mockdev::cli
