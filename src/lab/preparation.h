// SPDX-License-Identifier: Apache-2.0
// What fills a run folder, as values: they can be done, and be shown without being done.
#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "base/process.h"

namespace mockdev::lab {

/// A small file to be written.
struct FileText {
  std::filesystem::path path;
  std::string text;
};

/// One thing to do in the run folder.
using Preparation = std::variant<Command, FileText>;

}  // namespace mockdev::lab
