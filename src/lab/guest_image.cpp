// SPDX-License-Identifier: Apache-2.0
#include "lab/guest_image.h"

#include <array>
#include <optional>

#include <fmt/format.h>

#include "lab/debian_tree.h"
#include "lab/mirror.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

// Sparse: takes what is in it.
constexpr const char* kDiskSize = "8G";

/// What of lab/ takes part, beside the lists of packages.
constexpr std::array kImageParts = {"guest/customize", "guest/files", "guest/init",
                                    "kbuild/customize"};
constexpr std::array kForeignParts = {"arm64/customize", "arm64/add-headers"};
constexpr std::array kNodeParts = {"node/customize", "node/files", "images/make"};

std::vector<std::string> make_disk(const fs::path& tree, const fs::path& disk) {
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

/// What an image is made of.
struct Trees {
  TreeSpec guest;
  TreeSpec kbuild;                  ///< compiler and kernel headers
  std::optional<TreeSpec> foreign;  ///< the guest's packages, if it is of another architecture
};

Result<Trees> trees_of(const fs::path& lab, const GuestSpec& wanted) {
  auto guest = read_packages(lab / "guest/packages");
  if (!guest) return std::unexpected(guest.error());
  if (wanted.kind == GuestKind::node) {
    const auto more = read_packages(lab / "node/packages");
    if (!more) return std::unexpected(more.error());
    guest->insert(guest->end(), more->begin(), more->end());
  }
  const auto kbuild = read_packages(lab / "kbuild/packages");
  if (!kbuild) return std::unexpected(kbuild.error());
  const std::string suite(suite_of(wanted.kernel));
  Trees trees{.guest = {.packages = *guest, .kernel_from = suite},
              .kbuild = {.packages = *kbuild, .only_unpacked = true, .kernel_from = suite},
              .foreign = std::nullopt};
  const ArchitectureFacts& facts = facts_of(wanted.architecture);
  if (facts.foreign) {
    trees.foreign = foreign_guest(*guest, wanted.architecture);
    trees.kbuild.packages.emplace_back(facts.compiler);
    trees.kbuild.architectures = {std::string(facts_of(Architecture::amd64).name),
                                  std::string(facts.name)};
  }
  return trees;
}

/// All that the image depends on.
Result<std::vector<std::string>> content_of_image(const fs::path& lab, GuestKind kind,
                                                  const Trees& trees) {
  std::vector<const char*> parts(kImageParts.begin(), kImageParts.end());
  if (trees.foreign) parts.insert(parts.end(), kForeignParts.begin(), kForeignParts.end());
  if (kind == GuestKind::node) parts.insert(parts.end(), kNodeParts.begin(), kNodeParts.end());
  std::vector<std::string> content = {kDiskSize};
  for (const char* part : parts) {
    auto text = content_of(lab / part);
    if (!text) return std::unexpected(text.error());
    content.push_back(std::move(*text));
  }
  std::vector<TreeSpec> specs = {trees.guest, trees.kbuild};
  if (trees.foreign) specs.push_back(*trees.foreign);
  for (const TreeSpec& spec : specs) {
    for (std::string& word : mmdebstrap(spec, "", "")) content.push_back(std::move(word));
  }
  return content;
}

std::vector<RecipeStep> image_steps(const fs::path& lab, const Builder& builder, const Trees& trees,
                                    GuestKind kind, const std::string& mirror,
                                    const fs::path& folder) {
  const fs::path tree = folder / "tree";
  const fs::path foreign_tree = folder / "foreign";
  const GuestImage image{folder};
  std::vector<RecipeStep> steps = {
      {.note = "the guest's packages",
       .command = builder.command(mmdebstrap(trees.guest, mirror, tree))},
  };
  Words configure = {lab / "guest/customize", tree, folder};
  Words make_kbuild = mmdebstrap(trees.kbuild, mirror, image.build_tree());
  if (trees.foreign) {
    steps.push_back({.note = "the guest's packages for its architecture",
                     .command = builder.command(mmdebstrap(*trees.foreign, mirror, foreign_tree))});
    configure = {lab / "arm64/customize", tree, foreign_tree, folder};
    make_kbuild.push_back(fmt::format("--extract-hook={}", (lab / "arm64/add-headers").native()));
  }
  steps.push_back(
      {.note = "the guest's configuration", .command = builder.command(std::move(configure))});
  if (kind == GuestKind::node) {
    steps.push_back({.note = "the node's configuration",
                     .command = builder.command({lab / "node/customize", tree, folder})});
  }
  const std::vector<RecipeStep> rest = {
      {.note = "the disk", .command = builder.command(make_disk(tree, image.disk()))},
      {.note = "cleaning up", .command = builder.command({"rm", "-rf", tree})},
      {.note = "compiler and kernel headers", .command = builder.command(std::move(make_kbuild))},
      {.note = "kernel headers",
       .command = builder.command({lab / "kbuild/customize", image.build_tree(), folder})},
  };
  steps.insert(steps.end(), rest.begin(), rest.end());
  return steps;
}

}  // namespace

Result<Recipe> guest_recipe(const Installation& installation, const Builder& builder,
                            const GuestSpec& guest) {
  const fs::path lab = installation.lab();
  const auto trees = trees_of(lab, guest);
  if (!trees) return std::unexpected(trees.error());
  const auto content = content_of_image(lab, guest.kind, *trees);
  if (!content) return std::unexpected(content.error());
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());
  const std::string_view suite = suite_of(guest.kernel);
  return Recipe{
      .name = fmt::format("{}{}{}{}", facts_of(guest.architecture).recipe_prefix,
                          guest.kind == GuestKind::node ? "node" : "guest",
                          suite.empty() ? "" : "-", suite),
      .key = content_key(*content),
      .steps = [=, trees = *trees, kind = guest.kind, mirror = *mirror](const fs::path& folder) {
        return image_steps(lab, builder, trees, kind, mirror, folder);
      }};
}

}  // namespace mockdev::lab
