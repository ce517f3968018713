// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/program.h"

namespace {

using namespace mockdev;  // NOLINT(google-build-using-namespace)

/// A result that could not be written is no success: the disk may be full.
bool flush_output() {
  if (std::cout.flush()) return true;
  std::cerr << cli::kProgramName << ": standard output: could not be written\n";
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cli::Console console = cli::standard_console();
    if (auto started = start_logging("warning"); !started) return EXIT_FAILURE;
    cli::Program program;
    const std::span arguments(argv, static_cast<std::size_t>(argc));
    const auto words = arguments.subspan(std::min<std::size_t>(1, arguments.size()));
    const cli::Exit exit = program.run({words.begin(), words.end()}, console);
    if (!flush_output() && exit == cli::Exit::success) return EXIT_FAILURE;
    return static_cast<int>(exit);
  } catch (const std::exception& error) {
    std::cerr << cli::kProgramName << ": " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
