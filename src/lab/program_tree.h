// SPDX-License-Identifier: Apache-2.0
// Programs of Debian's that are not installed on this computer: unpacked into a tree of their own
// and run there by the tree's own loader, so that no library of this computer takes part.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lab/cache.h"
#include "lab/tools.h"

namespace mockdev::lab {

/// A tree of packages to be run from.
struct ProgramTree {
  std::string name;                ///< as in Recipe: "qemu"
  std::string note;                ///< for the person who waits: "QEMU's packages"
  std::filesystem::path packages;  ///< the file that lists them
  bool backports = false;          ///< the newer versions of Debian's backports
};

/// Makes the tree, which is the folder "tree" of the recipe's.
[[nodiscard]] Result<Recipe> program_tree_recipe(const ProgramTree& spec, const Builder& builder);

/// How a program of the tree is called; `folder` is the recipe's, `program` is as in
/// "usr/bin/etcd".
[[nodiscard]] std::vector<std::string> tree_program(const std::filesystem::path& folder,
                                                    std::string_view program);

}  // namespace mockdev::lab
