// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>

namespace mockdev::cli {
namespace {

// bash takes a word apart at '=' and ':'; the loop puts it together again, and what bash replaces
// is only what stands after the last of them.
constexpr std::string_view kBash = R"(# bash completion for mock-device
_mock_device() {
  local IFS=$'\n' line part current kept
  local -a words=()
  for part in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ ${#words[@]} -gt 0 && ( $part == [=:]* || ${words[-1]} == *[=:] ) ]]; then
      words[-1]+=$part
    else
      words+=("$part")
    fi
  done
  current=${words[-1]}
  kept=${current%"${current##*[=:]}"}
  COMPREPLY=()
  while read -r line; do
    case $line in
      :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "${current#"$kept"}") ;;
      :folders) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "${current#"$kept"}") ;;
      *) line=${line%%$'\t'*}; COMPREPLY+=("${line#"$kept"}") ;;
    esac
  done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
}
complete -F _mock_device mock-device
)";

constexpr std::string_view kZsh = R"(#compdef mock-device
_mock_device() {
  local line
  local -a lines found
  lines=("${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case ${lines[1]} in
    :files) compset -P '*='; _files; return ;;
    :folders) compset -P '*='; _files -/; return ;;
  esac
  for line in "${lines[@]}"; do
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}${${(M)line%%$'\t'*}:+:${line#*$'\t'}}")
  done
  _describe mock-device found
}
if [[ ${funcstack[1]} == _mock_device ]]; then
  _mock_device "$@"
else
  compdef _mock_device mock-device
fi
)";

constexpr std::string_view kFish = R"(# fish completion for mock-device
function __mock_device_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] complete -- $words[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case :files
            __fish_complete_path (string replace -r -- '^--[^=]*=' '' $words[-1])
        case :folders
            __fish_complete_directories (string replace -r -- '^--[^=]*=' '' $words[-1])
        case '*'
            printf '%s\n' $lines
    end
end
complete -c mock-device -f -a '(__mock_device_complete)'
)";

// Index: the value of Shell.
constexpr std::array<std::string_view, 3> kScripts = {kBash, kZsh, kFish};

/// A command line as far as it has been typed.
struct Line {
  Typed typed;
  const CLI::Option* awaited = nullptr;  ///< the option whose value the current word is
  std::size_t positionals = 0;           ///< before the current word
  bool in_rest = false;                  ///< the current word belongs to another program
};

bool takes_value(const CLI::Option& option) {
  return option.get_expected_max() > 0;
}

const CLI::Option* positional(const CLI::App& app, std::size_t index) {
  for (const CLI::Option* const option : app.get_options()) {
    if (option->get_positional() && index-- == 0) return option;
  }
  return nullptr;
}

/// Adds one more word to a line.
void read_word(const Command& command, const std::string& word, Line& line) {
  const CLI::App& app = command.app();
  const std::size_t equals = word.find('=');
  if (line.awaited != nullptr) {
    line.typed[line.awaited->get_name()] = word;
    line.awaited = nullptr;
  } else if (word == "--") {
    line.in_rest = command.rest() != nullptr;
  } else if (word.starts_with("--") && equals != std::string::npos) {
    line.typed[word.substr(0, equals)] = word.substr(equals + 1);
  } else if (word.starts_with('-') && word.size() > 1) {
    const CLI::Option* const option = app.get_option_no_throw(word);
    if (option != nullptr && takes_value(*option)) line.awaited = option;
  } else {
    const CLI::Option* const option = positional(app, line.positionals++);
    if (option != nullptr) line.typed[option->get_name(true)] = word;
    line.in_rest = command.rest() != nullptr;
  }
}

/// Reads the words between the verb and the current one.
Line read_line(const Command& command, std::span<const std::string> words) {
  Line line;
  for (const std::string& word : words) {
    if (line.in_rest) break;
    read_word(command, word, line);
  }
  return line;
}

std::string offered(const std::vector<Candidate>& candidates, std::string_view prefix) {
  std::string lines;
  for (const Candidate& candidate : candidates) {
    if (!candidate.word.starts_with(prefix)) continue;
    lines += candidate.word;
    if (!candidate.meaning.empty()) lines += "\t" + candidate.meaning;
    lines += '\n';
  }
  return lines;
}

/// Values of an option, each after `before` ("--output=" where that is part of the same word).
std::string offered_values(const Values& values, const Typed& typed, const std::string& before,
                           std::string_view current) {
  switch (values.kind) {
    case Values::Kind::none:
      return "";
    case Values::Kind::files:
      return ":files\n";
    case Values::Kind::folders:
      return ":folders\n";
    case Values::Kind::words:
      break;
  }
  std::vector<Candidate> candidates = values.words(typed);
  for (Candidate& candidate : candidates) candidate.word.insert(0, before);
  return offered(candidates, current);
}

std::vector<Candidate> options_of(const CLI::App& app) {
  std::vector<Candidate> candidates;
  for (const CLI::Option* const option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      candidates.push_back({.word = "--" + name, .meaning = option->get_description()});
    }
  }
  return candidates;
}

std::vector<Candidate> verbs_of(const Program& program) {
  std::vector<Candidate> candidates;
  for (const auto& command : program.commands()) {
    const Verb& verb = command->verb();
    if (verb.hidden()) continue;
    candidates.push_back({.word = std::string(verb.name), .meaning = std::string(verb.summary)});
  }
  return candidates;
}

}  // namespace

std::string_view completion_script(Shell shell) {
  return kScripts.at(static_cast<std::size_t>(shell));
}

std::string completions(const Program& program, std::span<const std::string> words) {
  if (words.empty()) return "";
  const std::string& current = words.back();
  if (words.size() == 1) {
    return offered(current.starts_with('-') ? options_of(program.app()) : verbs_of(program),
                   current);
  }
  const Command* const command = program.find(words.front());
  if (command == nullptr || command->verb().hidden()) return "";

  const Line line = read_line(*command, words.subspan(1, words.size() - 2));
  if (line.in_rest) return "";
  const auto values = [&](const CLI::Option* option, const std::string& before) {
    if (option == nullptr) return std::string{};
    return offered_values(command->values_of(*option), line.typed, before, current);
  };
  if (line.awaited != nullptr) return values(line.awaited, "");
  if (!current.starts_with('-')) return values(positional(command->app(), line.positionals), "");
  const std::size_t equals = current.find('=');
  if (equals == std::string::npos) return offered(options_of(command->app()), current);
  const std::string name = current.substr(0, equals);
  return values(command->app().get_option_no_throw(name), current.substr(0, equals + 1));
}

}  // namespace mockdev::cli
