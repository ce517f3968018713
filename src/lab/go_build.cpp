// SPDX-License-Identifier: Apache-2.0
#include "lab/go_build.h"

#include "base/process.h"
#include "lab/debian_tree.h"
#include "lab/mirror.h"
#include "lab/words.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

/// In a tree of Debian's. It is linked statically and needs nothing of the tree.
constexpr const char* kGo = "usr/lib/go-1.24/bin/go";

}  // namespace

Result<Recipe> go_recipe(const GoBuild& build, const Installation& installation,
                         const Builder& builder) {
  auto script = content_of(build.script);
  if (!script) return std::unexpected(script.error());
  auto toolchain = content_of(installation.lab() / "go/toolchain");
  if (!toolchain) return std::unexpected(toolchain.error());
  const auto packages = read_packages(installation.lab() / "go/packages");
  if (!packages) return std::unexpected(packages.error());
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());

  const TreeSpec go{.packages = *packages, .only_unpacked = true};
  const auto step = [=](const fs::path& folder, const std::string& command) -> RecipeStep {
    return {.note = "building",
            .command = builder.command(Words{build.script} + build.arguments +
                                       Words{folder.native(), command})};
  };
  const auto steps = [=, from = *mirror](const fs::path& folder) -> std::vector<RecipeStep> {
    if (!find_program("go").empty()) return {step(folder, "go")};
    const fs::path tree = folder / "go";
    return {
        {.note = "Go's packages", .command = builder.command(mmdebstrap(go, from, tree))},
        step(folder, tree / kGo),
        {.note = "cleaning up", .command = builder.command({"rm", "-rf", tree})},
    };
  };
  std::vector<std::string> contents = {*script, *toolchain};
  contents.insert(contents.end(), build.inputs.begin(), build.inputs.end());
  return Recipe{.name = build.name, .key = content_key(contents), .steps = steps};
}

}  // namespace mockdev::lab
