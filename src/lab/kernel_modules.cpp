// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel_modules.h"

namespace mockdev::lab {

Result<Recipe> modules_recipe(const Installation& installation, const GuestImage& image,
                              const Builder& builder, Architecture architecture) {
  std::vector<std::string> content;
  for (const char* part : {"kernel", "abi", "VERSION", "lab/kbuild/build"}) {
    auto text = content_of(installation.data / part);
    if (!text) return std::unexpected(text.error());
    content.push_back(std::move(*text));
  }
  return Recipe{
      .name = "modules",
      .key = content_key(content),
      .steps = [=](const std::filesystem::path& folder) -> std::vector<RecipeStep> {
        return {{.note = "the modules",
                 .command = builder.command(facts_of(architecture).module_build +
                                            Words{installation.lab() / "kbuild/build",
                                                  image.build_tree(), installation.data, folder})}};
      }};
}

}  // namespace mockdev::lab
