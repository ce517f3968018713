// SPDX-License-Identifier: Apache-2.0
#include "lab/kmm.h"

#include <array>

#include "lab/go_build.h"
#include "lab/node_payload.h"

namespace mockdev::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::array kKmmPrograms = {"manager", "webhook-server", "worker"};

/// kmod with its libraries, and the image of the modules.
constexpr ByteCount kBesideKmmPrograms = 32_MiB;

/// What of a checkout is built. The rest of it may change as it likes.
constexpr std::array kSourceParts = {"api", "api-hub", "cmd", "config", "internal", "go.mod"};

Result<std::vector<std::string>> source_contents(const fs::path& source) {
  std::error_code ignored;
  if (!fs::is_directory(source, ignored)) {
    auto archive = content_of(source);
    if (!archive) return std::unexpected(archive.error());
    return std::vector{std::move(*archive)};
  }
  std::vector<std::string> contents;
  for (const char* const part : kSourceParts) {
    auto content = content_of(source / part);
    if (!content) {
      return fail("kmm-source: {}: no source of Kernel Module Management: {}", source.native(),
                  content.error().message);
    }
    contents.push_back(std::move(*content));
  }
  return contents;
}

}  // namespace

Result<Recipe> kmm_recipe(const fs::path& source, const Installation& installation,
                          const Builder& builder) {
  if (source.empty()) {
    return fail(
        "kmm: takes the source of Kernel Module Management: git clone "
        "https://github.com/kubernetes-sigs/kernel-module-management, git checkout de3f8c9 in it, "
        "and name the folder by --kmm-source or KMM_SOURCE");
  }
  auto contents = source_contents(source);
  if (!contents) return std::unexpected(contents.error());
  return go_recipe({.name = "kmm",
                    .script = installation.lab() / "kmm/build",
                    .arguments = {fs::absolute(source).native()},
                    .inputs = std::move(*contents)},
                   installation, builder);
}

std::vector<Preparation> kmm_image_preparations(const KmmImages& images,
                                                const Installation& installation,
                                                const GuestImage& guest, const RunFolder& folder) {
  const fs::path archives = payload_images(folder);
  return {
      Command{.argv = {installation.lab() / "kmm/images", images.programs, guest.build_tree(),
                       archives}},
      Command{
          .argv = {installation.lab() / "kmm/kmod-image", images.modules, guest.folder, archives}},
  };
}

ByteCount kmm_payload_size(const fs::path& programs) {
  std::uint64_t size = kBesideKmmPrograms.value();
  for (const char* const program : kKmmPrograms) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(programs / program, error);
    if (!error) size += bytes;
  }
  return ByteCount{size};
}

Command install_kmm(const fs::path& programs, const Installation& installation,
                    const ControlPlane& plane) {
  return {.argv = {installation.lab() / "kmm/install", programs, plane.programs / "kubectl",
                   plane.folder.path() / "kmm"},
          .environment = {{"KUBECONFIG", plane.folder.kubeconfig()}}};
}

Command ask_kmm_ready(const ControlPlane& plane) {
  return {.argv = {plane.programs / "kubectl", "--namespace=kmm-operator-system", "wait",
                   "--for=condition=Available", "--timeout=1s", "deployment", "--all"},
          .environment = {{"KUBECONFIG", plane.folder.kubeconfig()}}};
}

}  // namespace mockdev::lab
