// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <algorithm>
#include <optional>
#include <ranges>

#include <CLI/CLI.hpp>
#include <fmt/ostream.h>

#include "cli/reference.h"
#include "cli/verbs/verbs.h"

namespace mockdev::cli {
namespace {

/// One line of `console.err` for each line of the message: a topology may have many mistakes.
Exit complain(Console& console, std::string_view message, Exit exit) {
  for (const auto line : std::views::split(message, '\n')) {
    fmt::print(console.err, "{}: {}\n", kProgramName, std::string_view(line.begin(), line.end()));
  }
  return exit;
}

/// The option of the verb that is given nothing ("--lab=", from a script whose variable is empty).
/// The parser would take the next word for its value.
std::optional<std::string> valueless(const CLI::App& app,
                                     const std::vector<std::string>& arguments) {
  for (const std::string& word : arguments) {
    std::string name = word.substr(0, word.find('='));
    if (word == name + "=" && app.get_option_no_throw(name) != nullptr) return name;
  }
  return std::nullopt;
}

/// Takes the words from "--" on away from `arguments`.
std::vector<std::string> split_rest(std::vector<std::string>& arguments) {
  const auto mark = std::ranges::find(arguments, "--");
  if (mark == arguments.end()) return {};
  std::vector<std::string> rest(std::next(mark), arguments.end());
  arguments.erase(mark, arguments.end());
  return rest;
}

/// The words that the parser left alone, then those that it never saw.
std::vector<std::string> joined_rest(const Command& command, std::vector<std::string> rest) {
  std::vector<std::string> all = command.app().remaining();
  std::ranges::move(rest, std::back_inserter(all));
  return all;
}

}  // namespace

Program::Program()
    : app_(std::make_unique<CLI::App>(std::string(kProgramSummary), std::string(kProgramName))) {
  app_->set_help_flag("--help,-h", "Says how the program or the verb is used.");
  app_->set_version_flag("--version", fmt::format("{} {}", kProgramName, MOCK_DEVICE_VERSION),
                         "Prints the version.");
  for (const Verb* const verb : all_verbs()) {
    CLI::App* const parser =
        app_->add_subcommand(std::string(verb->name), std::string(verb->summary));
    commands_.push_back(std::make_unique<Command>(*parser, *verb));
  }
}

Program::~Program() = default;

const Command* Program::find(std::string_view verb) const {
  const auto found = std::ranges::find_if(
      commands_, [&](const auto& command) { return command->verb().name == verb; });
  return found == commands_.end() ? nullptr : found->get();
}

std::optional<Exit> Program::parse(const Command* command, std::vector<std::string> arguments,
                                   Console& console) {
  const std::string where = command == nullptr ? "" : fmt::format("{}: ", command->verb().name);
  const CLI::App& app = command == nullptr ? *app_ : command->app();
  if (const auto option = valueless(app, arguments)) {
    return complain(console, fmt::format("{}{}: a value is missing", where, *option), Exit::usage);
  }
  try {
    std::ranges::reverse(arguments);  // as the parser wants them
    app_->parse(std::move(arguments));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    console.out << (command == nullptr ? help_text(*this) : help_text(*command));
    return Exit::success;
  } catch (const CLI::CallForVersion& version) {
    console.out << version.what() << '\n';
    return Exit::success;
  } catch (const CLI::Error& error) {
    return complain(console, where + error.what(), Exit::usage);
  }
}

Exit Program::run(std::vector<std::string> arguments, Console& console) {
  const std::string first = arguments.empty() ? "" : arguments.front();
  const Command* const command = find(first);
  if (command == nullptr && !first.empty() && !first.starts_with('-')) {
    return complain(console, first + ": no such verb; \"mock-device --help\" lists them",
                    Exit::usage);
  }
  const bool takes_rest = command != nullptr && command->rest() != nullptr;
  auto rest = takes_rest ? split_rest(arguments) : std::vector<std::string>{};
  if (const auto done = parse(command, std::move(arguments), console)) return *done;
  if (command == nullptr) {
    return complain(console, "no verb given; \"mock-device --help\" lists them", Exit::usage);
  }
  if (takes_rest) *command->rest() = joined_rest(*command, std::move(rest));

  const Result<Exit> done = command->action()(console, *this);
  if (done) return *done;
  return complain(console, done.error().message,
                  done.error().bad_input ? Exit::usage : Exit::failure);
}

}  // namespace mockdev::cli
