// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

namespace mockdev::cli {
namespace {

// ---- What there is to say, without a form ----

struct OptionText {
  std::string names;  ///< "-o, --output", "DEVICE"
  std::string value;  ///< "table|json|yaml"; empty for a flag
  std::string text;
  bool positional;
  bool required;
};

OptionText describe(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  const bool positional = option.get_positional();
  const bool is_flag = option.get_expected_max() == 0;
  return {.names = positional ? option.get_name(true) : fmt::format("{}", fmt::join(names, ", ")),
          .value = is_flag ? "" : option.get_type_name(),
          .text = option.get_description(),
          .positional = positional,
          .required = option.get_required()};
}

std::vector<OptionText> describe(const CLI::App& app, bool positional) {
  std::vector<OptionText> texts;
  for (const CLI::Option* const option : app.get_options()) {
    if (option->get_positional() == positional) texts.push_back(describe(*option));
  }
  return texts;
}

/// The options of a verb, without --help, which all of them have.
std::vector<OptionText> options_of(const Command& command) {
  auto options = describe(command.app(), false);
  std::erase_if(options, [](const OptionText& option) { return option.names.ends_with("--help"); });
  return options;
}

std::vector<OptionText> arguments_of(const Command& command) {
  auto arguments = describe(command.app(), true);
  if (command.rest() != nullptr) {
    arguments.push_back({.names = command.rest_shown(),
                         .value = command.rest_shown(),
                         .text = command.rest_text(),
                         .positional = true,
                         .required = false});
  }
  return arguments;
}

/// What follows the program's name: "fault [OPTIONS] DEVICE KIND [VALUE]".
std::string usage_of(const Command& command) {
  std::string usage = fmt::format("{} [OPTIONS]", command.verb().name);
  if (command.rest() != nullptr) usage += " [--]";
  for (const OptionText& argument : arguments_of(command)) {
    usage += fmt::format(fmt::runtime(argument.required ? " {}" : " [{}]"), argument.names);
  }
  return usage;
}

std::vector<std::string_view> paragraphs_of(std::string_view text) {
  std::vector<std::string_view> paragraphs;
  for (const auto part : std::views::split(text, std::string_view("\n\n"))) {
    paragraphs.emplace_back(part.begin(), part.end());
  }
  return paragraphs;
}

struct Group {
  std::string_view name;
  std::vector<const Command*> commands;
};

/// The verbs for people, by heading, in the order of the table.
std::vector<Group> groups_of(const Program& program) {
  std::vector<Group> groups;
  for (const auto& command : program.commands()) {
    const std::string_view name = command->verb().group;
    if (command->verb().hidden()) continue;
    if (groups.empty() || groups.back().name != name)
      groups.push_back({.name = name, .commands = {}});
    groups.back().commands.push_back(command.get());
  }
  return groups;
}

struct Row {
  std::string_view name;
  std::string_view meaning;
};

constexpr std::array<Row, 3> kExits = {{
    {"0", "It is done."},
    {"1", "It could not be done; a line on standard error says why."},
    {"2", "The command line makes no sense; a line on standard error says where."},
}};
constexpr std::string_view kExitOfCommands =
    "`exec` and `kubectl` end with the status of the command itself.";

constexpr std::array<Row, 2> kEnvironment = {{
    {"NO_COLOR", "No colours, if it is set to anything."},
    {"TERM", "No colours, if it is `dumb`."},
}};

// ---- Help: for a terminal of 80 columns ----

constexpr std::size_t kColumns = 80;

/// `text` as lines of at most kColumns characters, each after `indent` blanks, without backticks.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::string line;
  for (const auto part : std::views::split(text, ' ')) {
    std::string word(part.begin(), part.end());
    std::erase(word, '`');
    std::ranges::replace(word, '\n', ' ');
    if (!line.empty() && indent + line.size() + 1 + word.size() > kColumns) {
      lines += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + std::string(indent, ' ') + line + "\n";
}

/// "  name      meaning", the meaning wrapped and on a line of its own after a long name.
std::string help_row(std::string_view name, std::string_view meaning, std::size_t column) {
  constexpr std::size_t kIndent = 2;
  const std::string text = wrapped(meaning, column);
  if (kIndent + name.size() + kIndent > column) return fmt::format("  {}\n{}", name, text);
  return fmt::format("  {:<{}}{}", name, column - kIndent, text.substr(column));
}

std::string help_options(std::string_view title, const std::vector<OptionText>& options) {
  if (options.empty()) return "";
  constexpr std::size_t kColumn = 26;
  std::string text = fmt::format("\n{}:\n", title);
  for (const OptionText& option : options) {
    const bool show_value = !option.value.empty() && option.value != option.names;
    text += help_row(show_value ? option.names + " " + option.value : option.names, option.text,
                     kColumn);
  }
  return text;
}

// ---- Manual page ----

/// Text in which nothing is taken for a request or an escape, and backticks are bold.
std::string roff(std::string_view text) {
  std::string escaped;
  bool bold = false;
  for (const char c : text) {
    if (c == '`') {
      bold = !bold;
      escaped += bold ? "\\fB" : "\\fR";
    } else if (c == '-') {
      escaped += "\\-";
    } else if (c == '\\') {
      escaped += "\\e";
    } else {
      escaped += c;
    }
  }
  // A full stop or an apostrophe at the start of a line would be a request.
  return escaped.starts_with('.') || escaped.starts_with('\'') ? "\\&" + escaped : escaped;
}

std::string roff_row(std::string_view name, std::string_view value, std::string_view meaning) {
  const std::string shown = value.empty() ? "" : " \\fI" + roff(value) + "\\fR";
  return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", roff(name), shown, roff(meaning));
}

std::string roff_paragraphs(std::string_view text) {
  std::string all;
  for (const std::string_view paragraph : paragraphs_of(text)) {
    all += fmt::format(".PP\n{}\n", roff(paragraph));
  }
  return all;
}

std::string roff_options(const std::vector<OptionText>& options) {
  std::string text;
  for (const OptionText& option : options) {
    const bool show_value = option.value != option.names;
    text += roff_row(option.names, show_value ? option.value : "", option.text);
  }
  return text;
}

std::string roff_command(const Command& command) {
  const Verb& verb = command.verb();
  std::string text = fmt::format(".SS \"{} {}\"\n{}.\n", roff(kProgramName),
                                 roff(usage_of(command)), roff(verb.summary));
  text += roff_paragraphs(verb.description);
  text += roff_options(arguments_of(command));
  text += roff_options(options_of(command));
  return text;
}

// ---- Markdown ----

std::string markdown_rows(const std::vector<OptionText>& options) {
  std::string text;
  for (const OptionText& option : options) {
    std::string shown = option.value.empty() || option.value == option.names
                            ? option.names
                            : option.names + " " + option.value;
    text += fmt::format("- `{}`: {}\n", shown, option.text);
  }
  return text;
}

std::string markdown_command(const Command& command) {
  const Verb& verb = command.verb();
  std::string text = fmt::format("#### {}\n\n    {} {}\n\n{}.\n", verb.name, kProgramName,
                                 usage_of(command), verb.summary);
  for (const std::string_view paragraph : paragraphs_of(verb.description)) {
    text += fmt::format("\n{}\n", paragraph);
  }
  text += "\n" + markdown_rows(arguments_of(command)) + markdown_rows(options_of(command)) + "\n";
  for (const Verb::Example& example : verb.examples) {
    text += fmt::format("{}\n\n    {}\n\n", example.meaning, example.line);
  }
  return text;
}

}  // namespace

std::string help_text(const Program& program) {
  constexpr std::size_t kColumn = 14;
  std::string text = fmt::format("{}: {}\n\nUsage: {} VERB [OPTIONS]\n", kProgramName,
                                 kProgramSummary, kProgramName);
  for (const Group& group : groups_of(program)) {
    text += fmt::format("\n{}:\n", group.name);
    for (const Command* const command : group.commands) {
      text += help_row(command->verb().name, command->verb().summary, kColumn);
    }
  }
  text += help_options("Options", describe(program.app(), false));
  return text + fmt::format("\n\"{} VERB --help\" says more about a verb.\n", kProgramName);
}

std::string help_text(const Command& command) {
  const Verb& verb = command.verb();
  std::string text = fmt::format("Usage: {} {}\n\n", kProgramName, usage_of(command));
  text += wrapped(fmt::format("{}.", verb.summary), 0);
  for (const std::string_view paragraph : paragraphs_of(verb.description)) {
    text += "\n" + wrapped(paragraph, 0);
  }
  text += help_options("Arguments", arguments_of(command));
  text += help_options("Options", describe(command.app(), false));
  if (!verb.examples.empty()) text += "\nExamples:\n";
  for (const Verb::Example& example : verb.examples) {
    text += fmt::format("  {}\n", example.line) + wrapped(example.meaning, 6);
  }
  return text;
}

std::string man_page(const Program& program) {
  std::string text = fmt::format(
      ".\\\" Made by \"{0} man\" from the program's own table of verbs.\n"
      ".TH MOCK\\-DEVICE 1 \"\" \"{0} {1}\" \"User Commands\"\n"
      ".SH NAME\n{2} \\- {3}\n.SH SYNOPSIS\n.B {2}\n.I VERB\n[\\fIOPTIONS\\fR]\n",
      kProgramName, MOCK_DEVICE_VERSION, roff(kProgramName), roff(kProgramSummary));
  text += ".SH OPTIONS\n" + roff_options(describe(program.app(), false));
  for (const Group& group : groups_of(program)) {
    std::string title(group.name);
    std::ranges::transform(title, title.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    text += fmt::format(".SH {}\n", title);
    for (const Command* const command : group.commands) text += roff_command(*command);
  }
  text += ".SH EXIT STATUS\n";
  for (const Row& row : kExits) text += roff_row(row.name, "", row.meaning);
  text += fmt::format(".PP\n{}\n.SH ENVIRONMENT\n", roff(kExitOfCommands));
  for (const Row& row : kEnvironment) text += roff_row(row.name, "", row.meaning);
  text += ".SH EXAMPLES\n";
  for (const Group& group : groups_of(program)) {
    for (const Command* const command : group.commands) {
      for (const Verb::Example& example : command->verb().examples) {
        text += roff_row(example.line, "", example.meaning);
      }
    }
  }
  return text;
}

std::string markdown(const Program& program) {
  std::string text;
  for (const Group& group : groups_of(program)) {
    text += fmt::format("### {}\n\n", group.name);
    for (const Command* const command : group.commands) text += markdown_command(*command);
  }
  return text;
}

}  // namespace mockdev::cli
