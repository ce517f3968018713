// SPDX-License-Identifier: Apache-2.0
#include "lab/debug_kernel.h"

#include <array>

#include "lab/debian_tree.h"
#include "lab/guest_image.h"
#include "lab/mirror.h"

namespace mockdev::lab {
namespace {

/// What of lab/ takes part, beside the list of packages.
constexpr std::array kKernelParts = {"debug-kernel/build", "debug-kernel/config", "guest/init"};

}  // namespace

Result<Recipe> debug_kernel_recipe(const Installation& installation, const Builder& builder) {
  const std::filesystem::path lab = installation.lab();
  auto packages = read_packages(lab / "debug-kernel/packages");
  if (!packages) return std::unexpected(packages.error());
  const TreeSpec spec{.packages = std::move(*packages), .only_unpacked = true};
  std::vector<std::string> content = mmdebstrap(spec, "", "");
  for (const char* part : kKernelParts) {
    auto text = content_of(lab / part);
    if (!text) return std::unexpected(text.error());
    content.push_back(std::move(*text));
  }
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());
  return Recipe{
      .name = "debug-kernel",
      .key = content_key(content),
      .steps = [=, from = *mirror](const std::filesystem::path& folder) -> std::vector<RecipeStep> {
        const std::filesystem::path tree =
            GuestImage{.folder = {}, .kernel_folder = folder}.build_tree();
        return {{.note = "compiler and kernel sources",
                 .command = builder.command(mmdebstrap(spec, from, tree))},
                {.note = "the kernel, some ten minutes on two cores",
                 .command = builder.command({lab / "debug-kernel/build", tree, lab, folder})}};
      }};
}

}  // namespace mockdev::lab
