// SPDX-License-Identifier: Apache-2.0
// Verbs and how they describe themselves. Help, man page, reference and completion are all made
// from what is said here, so that none of them can go stale.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "base/error.h"
#include "cli/console.h"

// The parser's own header costs seconds to compile, and a verb needs nothing of it.
namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
class Option;
}  // namespace CLI

namespace mockdev::cli {

/// How the program ends.
enum class Exit : std::uint8_t { success = 0, failure = 1, usage = 2 };

/// A possible word, and a few words on what it means.
struct Candidate {
  std::string word;
  std::string meaning = {};
};

/// What has been typed for other options of the same command line, by long name with dashes or
/// positional name; the last one counts.
using Typed = std::map<std::string, std::string>;

/// What may stand in the place of a value.
struct Values {
  enum class Kind : std::uint8_t { none, words, files, folders };
  Kind kind = Kind::none;
  /// For words: what there is now. Must not print or wait for long; on trouble it gives nothing.
  std::function<std::vector<Candidate>(const Typed&)> words = {};
};

class Command;
class Program;

/// One row of the table of verbs.
struct Verb {
  std::string_view name;
  std::string_view group;        ///< heading in the list of verbs; empty: for programs, not people
  std::string_view summary;      ///< one line, no full stop
  std::string_view description;  ///< paragraphs between blank lines; `literal` in backticks
  struct Example {
    std::string_view line;
    std::string_view meaning;
  };
  std::span<const Example> examples;
  /// Declares the options and the action.
  void (*declare)(Command& command);

  [[nodiscard]] bool hidden() const { return group.empty(); }
};

/// An option of a verb, for rules on when it may be given.
class OptionRules {
 public:
  explicit OptionRules(CLI::Option& option) : option_(&option) {}

  // NOLINTBEGIN(modernize-use-nodiscard): called for what they do
  OptionRules required() const;
  OptionRules excludes(OptionRules other) const;
  /// The option may stand without a value, which then is an empty text.
  OptionRules optional_value() const;
  // NOLINTEND(modernize-use-nodiscard)

 private:
  CLI::Option* option_;
};

/// A verb while it is being declared, and what is known of it afterwards.
class Command {
 public:
  using Action = std::function<Result<Exit>(Console& console, const Program& program)>;

  Command(CLI::App& app, const Verb& verb) : app_(app), verb_(verb) { verb.declare(*this); }

  [[nodiscard]] const CLI::App& app() const { return app_; }
  [[nodiscard]] const Verb& verb() const { return verb_; }
  [[nodiscard]] const Action& action() const { return action_; }
  /// What may stand for the option's value.
  [[nodiscard]] const Values& values_of(const CLI::Option& option) const;
  /// Where the words go that are not this program's ("exec -- ls -l"); nullptr: there are none.
  [[nodiscard]] std::vector<std::string>* rest() const { return rest_; }
  [[nodiscard]] const std::string& rest_shown() const { return rest_shown_; }
  [[nodiscard]] const std::string& rest_text() const { return rest_text_; }

  // ---- For declarations. What `into` refers to must live as long as the action. ----

  /// What the verb does.
  void runs(Action action) { action_ = std::move(action); }

  /// "--follow,-f": on when given.
  OptionRules flag(const std::string& names, bool& into, const std::string& text);

  /// An option or, without dashes, a positional, whose value `parse` understands.
  template <typename T, typename Into>
  OptionRules value(const std::string& names, Result<T> (*parse)(std::string_view), Into& into,
                    const std::string& shown, const std::string& text, Values values = {});

  /// As value, one of `choices`, which are pairs of the word and what it stands for.
  template <typename T, std::size_t count>
  OptionRules choice(const std::string& names,
                     const std::array<std::pair<std::string_view, T>, count>& choices, T& into,
                     const std::string& text);

  /// All words from the first on that is not an option, or from "--" on.
  void rest(std::vector<std::string>& into, const std::string& shown, const std::string& text);

 private:
  OptionRules add(const std::string& names, std::function<Result<void>(const std::string&)> accept,
                  const std::string& shown, const std::string& text, Values values);

  CLI::App& app_;
  const Verb& verb_;
  Action action_;
  std::map<const CLI::Option*, Values> values_;
  std::vector<std::string>* rest_ = nullptr;
  std::string rest_shown_;
  std::string rest_text_;
};

template <typename T, typename Into>
OptionRules Command::value(const std::string& names, Result<T> (*parse)(std::string_view),
                           Into& into, const std::string& shown, const std::string& text,
                           Values values) {
  const auto accept = [parse, &into](const std::string& word) -> Result<void> {
    auto parsed = parse(word);
    if (!parsed) return std::unexpected(parsed.error());
    into = Into(std::move(*parsed));
    return {};
  };
  return add(names, accept, shown, text, std::move(values));
}

template <typename T, std::size_t count>
OptionRules Command::choice(const std::string& names,
                            const std::array<std::pair<std::string_view, T>, count>& choices,
                            T& into, const std::string& text) {
  std::vector<std::string_view> words;
  std::vector<Candidate> candidates;
  for (const auto& [word, meaning] : choices) {
    words.push_back(word);
    candidates.push_back({.word = std::string(word)});
  }
  const auto accept = [choices, words, &into](const std::string& word) -> Result<void> {
    for (const auto& [name, meaning] : choices) {
      if (name != word) continue;
      into = meaning;
      return {};
    }
    return fail("{} is none of {}", word, fmt::join(words, ", "));
  };
  // A line of help has 80 columns.
  constexpr std::size_t kMaxShown = 60;
  std::string shown = fmt::format("{}", fmt::join(words, "|"));
  std::string meaning = text;
  if (shown.size() > kMaxShown) {
    shown = "WORD";
    meaning = fmt::format("{} One of {}.", text, fmt::join(words, ", "));
  }
  return add(
      names, accept, shown, meaning,
      {.kind = Values::Kind::words, .words = [candidates](const Typed&) { return candidates; }});
}

}  // namespace mockdev::cli
