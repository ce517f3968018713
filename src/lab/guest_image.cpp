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
constexpr std::array kForeignParts = {"arm64/customize", "arm64/add-headers"};
constexpr std::array kNodeParts = {"node/customize", "node/files", "images/make"};

std::vector<std::string> make_disk(const std::filesystem::path& tree,
                                   const std::filesystem::path& disk) {
  // No journal: a guest's changes are thrown away when it ends.
  return {"mke2fs", "-q", "-t", "ext4", "-O", "^has_journal",
          "-m",     "0",  "-d", tree,   disk, kDiskSize};
}

/// The same packages of another architecture. All that is essential is named, since nothing comes
/// by itself into a tree that is only unpacked; the pattern stands last, where commas end names.
TreeSpec foreign_guest(const std::vector<std::string>& packages, Architecture architecture) {
  TreeSpec spec{.packages = packages_for(architecture, packages),
                .only_unpacked = true,
                .architectures = {std::string(facts_of(architecture).name)}};
  spec.packages.emplace_back("?essential");
  return spec;
}

}  // namespace

Result<Recipe> guest_recipe(const Installation& installation, const Builder& builder,
                            GuestKind kind, Architecture architecture) {
  const ArchitectureFacts& facts = facts_of(architecture);
  const bool is_node = kind == GuestKind::node;
  const std::filesystem::path lab = installation.lab();
  auto guest_packages = read_packages(lab / "guest/packages");
  if (!guest_packages) return std::unexpected(guest_packages.error());
  if (is_node) {
    const auto more = read_packages(lab / "node/packages");
    if (!more) return std::unexpected(more.error());
    guest_packages->insert(guest_packages->end(), more->begin(), more->end());
  }
  const auto build_packages = read_packages(lab / "kbuild/packages");
  if (!build_packages) return std::unexpected(build_packages.error());
  std::vector<std::string> content = {kDiskSize};
  std::vector<const char*> parts(kImageParts.begin(), kImageParts.end());
  if (facts.foreign) parts.insert(parts.end(), kForeignParts.begin(), kForeignParts.end());
  if (is_node) parts.insert(parts.end(), kNodeParts.begin(), kNodeParts.end());
  for (const char* part : parts) {
    auto text = content_of(lab / part);
    if (!text) return std::unexpected(text.error());
    content.push_back(std::move(*text));
  }
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());

  const TreeSpec guest{.packages = *guest_packages};
  TreeSpec kbuild{.packages = *build_packages, .only_unpacked = true};
  std::optional<TreeSpec> foreign;
  if (facts.foreign) {
    foreign = foreign_guest(*guest_packages, architecture);
    kbuild.packages.emplace_back(facts.compiler);
    kbuild.architectures = {std::string(facts_of(Architecture::amd64).name),
                            std::string(facts.name)};
  }
  const auto steps = [=](const std::string& from,
                         const std::filesystem::path& folder) -> std::vector<RecipeStep> {
    const std::filesystem::path tree = folder / "tree";
    const std::filesystem::path foreign_tree = folder / "foreign";
    const GuestImage image{folder};
    std::vector<RecipeStep> all = {
        {.note = "the guest's packages", .command = builder.command(mmdebstrap(guest, from, tree))},
    };
    Words configure = {lab / "guest/customize", tree, folder};
    Words make_kbuild = mmdebstrap(kbuild, from, image.build_tree());
    if (foreign) {
      make_kbuild.push_back(fmt::format("--extract-hook={}", (lab / "arm64/add-headers").native()));
      all.push_back({.note = fmt::format("the guest's packages for {}", facts.name),
                     .command = builder.command(mmdebstrap(*foreign, from, foreign_tree))});
      configure = {lab / "arm64/customize", tree, foreign_tree, folder};
    }
    all.push_back(
        {.note = "the guest's configuration", .command = builder.command(std::move(configure))});
    if (is_node) {
      all.push_back({.note = "the node's configuration",
                     .command = builder.command({lab / "node/customize", tree, folder})});
    }
    const std::vector<RecipeStep> rest = {
        {.note = "the disk", .command = builder.command(make_disk(tree, image.disk()))},
        {.note = "cleaning up", .command = builder.command({"rm", "-rf", tree})},
        {.note = "compiler and kernel headers", .command = builder.command(std::move(make_kbuild))},
        {.note = "kernel headers",
         .command = builder.command({lab / "kbuild/customize", image.build_tree(), folder})},
    };
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  };

  std::vector<TreeSpec> trees = {guest, kbuild};
  if (foreign) trees.push_back(*foreign);
  for (const TreeSpec& spec : trees) {
    for (std::string& word : mmdebstrap(spec, "", "")) content.push_back(std::move(word));
  }
  return Recipe{
      .name = fmt::format("{}{}", facts.recipe_prefix, is_node ? "node" : "guest"),
      .key = content_key(content),
      .steps = [=](const std::filesystem::path& folder) { return steps(*mirror, folder); }};
}

}  // namespace mockdev::lab
