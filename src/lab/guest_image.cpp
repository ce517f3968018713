// SPDX-License-Identifier: Apache-2.0
#include "lab/guest_image.h"

#include "lab/debian_tree.h"
#include "lab/mirror.h"

namespace mockdev::lab {
namespace {

// Sparse: takes what is in it.
constexpr const char* kDiskSize = "8G";

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
  const auto guest_files = folder_content(lab / "guest");
  if (!guest_files) return std::unexpected(guest_files.error());
  const auto build_files = folder_content(lab / "kbuild");
  if (!build_files) return std::unexpected(build_files.error());
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());

  const TreeSpec guest{.packages = *guest_packages};
  const TreeSpec kbuild{.packages = *build_packages, .only_unpacked = true};
  const auto commands = [=](const std::string& from,
                            const std::filesystem::path& folder) -> std::vector<Command> {
    const std::filesystem::path tree = folder / "tree";
    const GuestImage image{folder};
    return {
        builder.command(mmdebstrap(guest, from, tree)),
        builder.command({lab / "guest/customize", tree, folder}),
        builder.command(make_disk(tree, image.disk())),
        builder.command({"rm", "-rf", tree}),
        builder.command(mmdebstrap(kbuild, from, image.build_tree())),
        builder.command({lab / "kbuild/customize", image.build_tree(), folder}),
    };
  };

  std::vector<std::string> content = {*guest_files, *build_files, kDiskSize};
  for (const TreeSpec& spec : {guest, kbuild}) {
    for (std::string& word : mmdebstrap(spec, "", "")) content.push_back(std::move(word));
  }
  return Recipe{
      .name = "guest",
      .key = content_key(content),
      .commands = [=](const std::filesystem::path& folder) { return commands(*mirror, folder); }};
}

}  // namespace mockdev::lab
