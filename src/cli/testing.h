// SPDX-License-Identifier: Apache-2.0
// For tests only.
#pragma once

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/program.h"

namespace mockdev::cli {

/// What a run of the program has done.
struct Ran {
  Exit exit;
  std::string out;
  std::string err;
};

/// Runs the program in this process, as if no output were a terminal.
inline Ran run_program(std::vector<std::string> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Console console{.out = out, .err = err, .out_looks = {}, .err_looks = {}};
  Program program;
  const Exit exit = program.run(std::move(arguments), console);
  return {.exit = exit, .out = out.str(), .err = err.str()};
}

}  // namespace mockdev::cli
