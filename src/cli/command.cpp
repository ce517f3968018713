// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <CLI/CLI.hpp>

namespace mockdev::cli {

OptionRules OptionRules::required() const {
  option_->required();
  return *this;
}

OptionRules OptionRules::excludes(OptionRules other) const {
  option_->excludes(other.option_);
  return *this;
}

OptionRules OptionRules::optional_value() const {
  option_->expected(0, 1);
  return *this;
}

const Values& Command::values_of(const CLI::Option& option) const {
  static const Values none;
  const auto found = values_.find(&option);
  return found == values_.end() ? none : found->second;
}

OptionRules Command::flag(const std::string& names, bool& into, const std::string& text) {
  return OptionRules(*app_.add_flag(names, into, text));
}

OptionRules Command::add(const std::string& names,
                         std::function<Result<void>(const std::string&)> accept,
                         const std::string& shown, const std::string& text, Values values) {
  const std::string name = names.substr(0, names.find(','));
  const auto take = [accept = std::move(accept), name](const std::string& word) {
    const Result<void> accepted = accept(word);
    // How the parser wants to hear of it; it is caught where the parser is called.
    if (!accepted) throw CLI::ValidationError(name, accepted.error().message);
  };
  CLI::Option* const option = app_.add_option_function<std::string>(names, take, text);
  option->type_name(shown)->take_last();
  values_.emplace(option, std::move(values));
  return OptionRules(*option);
}

void Command::rest(std::vector<std::string>& into, const std::string& shown,
                   const std::string& text) {
  rest_ = &into;
  rest_shown_ = shown;
  rest_text_ = text;
  app_.prefix_command();
}

}  // namespace mockdev::cli
