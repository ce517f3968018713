// SPDX-License-Identifier: Apache-2.0
// Programs of others that are published as Go modules, built on this computer.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/cache.h"
#include "lab/installation.h"
#include "lab/tools.h"

namespace mockdev::lab {

struct GoBuild {
  std::string name;                    ///< as in Recipe: "kwok"
  std::filesystem::path script;        ///< takes `arguments`, a folder for its programs and a go
  std::vector<std::string> arguments;  ///< command
  std::vector<std::string> inputs;     ///< contents that the programs depend on
};

/// The programs are then in the recipe's folder itself. Where there is no go command, Debian's is
/// unpacked for it: whichever it is only fetches the one that builds.
[[nodiscard]] Result<Recipe> go_recipe(const GoBuild& build, const Installation& installation,
                                       const Builder& builder);

}  // namespace mockdev::lab
