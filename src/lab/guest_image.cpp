// SPDX-License-Identifier: Apache-2.0
#include "lab/guest_image.h"

#include <array>

#include "lab/debian_tree.h"
#include "lab/mirror.h"

namespace mockdev::lab {
namespace {

// Sparse: takes what is in it.
constexpr const char* kDiskSize = "8G";

/// What of lab/ takes part, beside the lists of packages.
constexpr std::array kImageParts = {"guest/customize", "guest/files", "guest/init",
                                    "kbuild/customize"};

std::vector<std::string> make_disk(const std::filesystem::path& tree,
                                   const std::filesystem::path& disk) {
  // No journal: a guest's changes are thrown away when it ends.
  return {"mke2fs", "-q", "-t", "ext4", "-O", "^has_journal",
          "-m",     "0",  "-d", tree,   disk, kDiskSize};
}

}  // namespace

Result<Recipe> guest_recipe(const Installation& installation, const Builder& builder) {
  const std::filesystem::path lab = installation.lab();
  const auto guest_packages = read_packages(lab / "guest/packages");
  if (!guest_packages) return std::unexpected(guest_packages.error());
  const auto build_packages = read_packages(lab / "kbuild/packages");
  if (!build_packages) return std::unexpected(build_packages.error());
  std::vector<std::string> content = {kDiskSize};
  for (const char* part : kImageParts) {
    auto text = content_of(lab / part);
    if (!text) return std::unexpected(text.error());
    content.push_back(std::move(*text));
  }
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());

  const TreeSpec guest{.packages = *guest_packages};
  const TreeSpec kbuild{.packages = *build_packages, .only_unpacked = true};
  const auto steps = [=](const std::string& from,
                         const std::filesystem::path& folder) -> std::vector<RecipeStep> {
    const std::filesystem::path tree = folder / "tree";
    const GuestImage image{folder};
    return {
        {.note = "the guest's packages", .command = builder.command(mmdebstrap(guest, from, tree))},
        {.note = "the guest's configuration",
         .command = builder.command({lab / "guest/customize", tree, folder})},
        {.note = "the disk", .command = builder.command(make_disk(tree, image.disk()))},
        {.note = "cleaning up", .command = builder.command({"rm", "-rf", tree})},
        {.note = "compiler and kernel headers",
         .command = builder.command(mmdebstrap(kbuild, from, image.build_tree()))},
        {.note = "kernel headers",
         .command = builder.command({lab / "kbuild/customize", image.build_tree(), folder})},
    };
  };

  for (const TreeSpec& spec : {guest, kbuild}) {
    for (std::string& word : mmdebstrap(spec, "", "")) content.push_back(std::move(word));
  }
  return Recipe{
      .name = "guest",
      .key = content_key(content),
      .steps = [=](const std::filesystem::path& folder) { return steps(*mirror, folder); }};
}

}  // namespace mockdev::lab
