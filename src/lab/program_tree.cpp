// SPDX-License-Identifier: Apache-2.0
#include "lab/program_tree.h"

#include "lab/debian_tree.h"
#include "lab/mirror.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTree = "tree";
constexpr std::string_view kLibraries = "usr/lib/x86_64-linux-gnu";

}  // namespace

Result<Recipe> program_tree_recipe(const ProgramTree& spec, const Builder& builder) {
  const auto packages = read_packages(spec.packages);
  if (!packages) return std::unexpected(packages.error());
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());
  const TreeSpec tree{.packages = *packages, .only_unpacked = true, .backports = spec.backports};
  // The key is without the mirror: all mirrors have the same packages.
  return Recipe{.name = spec.name,
                .key = content_key(mmdebstrap(tree, "", "")),
                .steps = [=, note = spec.note](const fs::path& folder) -> std::vector<RecipeStep> {
                  return {{.note = note,
                           .command = builder.command(mmdebstrap(tree, *mirror, folder / kTree))}};
                }};
}

std::vector<std::string> tree_program(const fs::path& folder, std::string_view program) {
  const fs::path tree = folder / kTree;
  return {tree / kLibraries / "ld-linux-x86-64.so.2", "--library-path", tree / kLibraries,
          tree / program};
}

}  // namespace mockdev::lab
