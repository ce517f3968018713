// SPDX-License-Identifier: Apache-2.0
#include "cli/console.h"

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace mockdev::cli {
namespace {

// Index: the value of Color. ECMA-48 §8.3.117, select graphic rendition.
constexpr std::array<std::string_view, 6> kRenditions = {"0", "1", "2", "31", "32", "33"};

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

/// Whether a descriptor is a terminal that knows escape sequences.
bool is_terminal(int fd) {
  return ::isatty(fd) == 1 && environment("TERM") != "dumb";
}

/// Without one, as in a session that ssh or a container made, the terminal at the other end is one
/// of today's.
bool locale_is_chosen() {
  constexpr std::array kVariables = {"LC_ALL", "LC_CTYPE", "LANG"};
  return std::ranges::any_of(kVariables,
                             [](const char* name) { return !environment(name).empty(); });
}

std::size_t columns_of(int fd) {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : kUsual;
}

}  // namespace

std::string paint(std::string_view text, Color color, Looks looks) {
  if (!looks.color || color == Color::plain) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kRenditions.at(static_cast<std::size_t>(color)), text);
}

std::string printable(std::string_view text) {
  constexpr char kDelete = '\x7f';
  std::string safe(text);
  std::ranges::replace_if(safe, [](unsigned char c) { return c < ' ' || c == kDelete; }, '?');
  return safe;
}

Console standard_console() {
  std::setlocale(LC_CTYPE, "");
  const bool unicode = std::string_view(nl_langinfo(CODESET)) == "UTF-8" || !locale_is_chosen();
  const bool color = environment("NO_COLOR").empty();
  const bool out_is_terminal = is_terminal(STDOUT_FILENO);
  const bool err_is_terminal = is_terminal(STDERR_FILENO);
  return {.out = std::cout,
          .err = std::cerr,
          .out_looks = {.color = color && out_is_terminal, .unicode = unicode},
          .err_looks = {.color = color && err_is_terminal, .unicode = unicode},
          .err_is_live = err_is_terminal,
          .err_columns = columns_of(STDERR_FILENO)};
}

}  // namespace mockdev::cli
