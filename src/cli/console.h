// SPDX-License-Identifier: Apache-2.0
// Where a run of the program writes, and what may be written there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace mockdev::cli {

enum class Color : std::uint8_t { plain, bold, dim, red, green, yellow };

/// How text may look: decided once, from the terminal and the environment.
struct Looks {
  bool color = false;    ///< escape sequences for colours
  bool unicode = false;  ///< characters beyond ASCII, such as box drawing
};

/// `text` in a colour where `looks` has colours, else as it is.
[[nodiscard]] std::string paint(std::string_view text, Color color, Looks looks);

/// `text` with every control character replaced by '?': what comes from a file or a server can't
/// send escape sequences to the terminal.
[[nodiscard]] std::string printable(std::string_view text);

/// The two outputs of a run. `out` has the results and nothing else; `err` has errors, progress
/// and what is said to a person beside the result.
struct Console {
  std::ostream& out;
  std::ostream& err;
  Looks out_looks;
  Looks err_looks;
  bool err_is_live = false;      ///< a terminal on which a line can be drawn again
  std::size_t err_columns = 80;  ///< of that terminal
};

/// Standard output and standard error of this process. Colours on a terminal, unless NO_COLOR is
/// set or TERM is "dumb", which can't redraw a line either; Unicode unless the locale was set to
/// one without UTF-8.
[[nodiscard]] Console standard_console();

}  // namespace mockdev::cli
