// SPDX-License-Identifier: Apache-2.0
// The program mock-device: its verbs, and one run of it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/console.h"

namespace mockdev::cli {

inline constexpr std::string_view kProgramName = "mock-device";
inline constexpr std::string_view kProgramSummary =
    "accelerators that do not exist, for people who write what manages them";

class Program {
 public:
  /// Declares all verbs of the table.
  Program();
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  Program(Program&&) = delete;
  Program& operator=(Program&&) = delete;

  /// In the order of the table, hidden ones too.
  [[nodiscard]] const std::vector<std::unique_ptr<Command>>& commands() const { return commands_; }
  /// nullptr: there is no such verb.
  [[nodiscard]] const Command* find(std::string_view verb) const;
  /// The options that stand before a verb.
  [[nodiscard]] const CLI::App& app() const { return *app_; }

  /// Does what `arguments` (without the program's name) say. Errors go to console.err, one line
  /// each. To be called once.
  [[nodiscard]] Exit run(std::vector<std::string> arguments, Console& console);

 private:
  /// Reads the command line, whose verb is `command`; nullptr: there is none.
  /// A value: there is nothing more to do.
  std::optional<Exit> parse(const Command* command, std::vector<std::string> arguments,
                            Console& console);

  std::unique_ptr<CLI::App> app_;
  std::vector<std::unique_ptr<Command>> commands_;
};

}  // namespace mockdev::cli
