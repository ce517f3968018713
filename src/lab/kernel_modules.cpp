// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel_modules.h"

#include "base/file.h"

namespace mockdev::lab {

Result<Recipe> modules_recipe(const Installation& installation, const GuestImage& image,
                              const Builder& builder) {
  const auto sources = folder_content(installation.data / "kernel");
  if (!sources) return std::unexpected(sources.error());
  const auto abi = folder_content(installation.data / "abi");
  if (!abi) return std::unexpected(abi.error());
  const auto version = read_file(installation.data / "VERSION", 1_KiB);
  if (!version) return std::unexpected(version.error());
  return Recipe{.name = "modules",
                .key = content_key({*sources, *abi, *version}),
                .commands = [=](const std::filesystem::path& folder) -> std::vector<Command> {
                  return {builder.command({installation.lab() / "kbuild/build", image.build_tree(),
                                           installation.data, folder})};
                }};
}

}  // namespace mockdev::lab
