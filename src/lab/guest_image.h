// SPDX-License-Identifier: Apache-2.0
// The guest's disk, kernel and the tree that modules for this kernel are built in. They depend on
// Debian's packages and on lab/ only: what changes with mock-device itself comes on the payload
// disk.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"
#include "lab/architecture.h"
#include "lab/cache.h"
#include "lab/guest_kernel.h"
#include "lab/installation.h"

namespace mockdev::lab {

/// What the cached folder has in it.
struct GuestImage {
  std::filesystem::path folder;
  /// Whose kernel it is: of `folder`, or of debug_kernel_recipe.
  std::filesystem::path kernel_folder = folder;

  [[nodiscard]] std::filesystem::path disk() const { return folder / "root.img"; }
  [[nodiscard]] std::filesystem::path kernel() const { return kernel_folder / "vmlinuz"; }
  [[nodiscard]] std::filesystem::path initrd() const { return kernel_folder / "initrd"; }
  /// Compiler and headers, those of this kernel as usr/src/linux-headers.
  [[nodiscard]] std::filesystem::path build_tree() const { return kernel_folder / "kbuild"; }
  /// Container images, of a node's.
  [[nodiscard]] std::filesystem::path container_images() const { return folder / "images"; }
  /// For what is built in that tree: it goes when the tree goes.
  [[nodiscard]] std::filesystem::path modules() const { return kernel_folder / "modules"; }
};

enum class GuestKind : std::uint8_t {
  plain,  ///< Linux, and tools to look at devices
  node,   ///< beside that, what a node of Kubernetes takes from Debian
};

struct GuestSpec {
  GuestKind kind = GuestKind::plain;
  /// A node is always of this computer's own.
  Architecture architecture = Architecture::amd64;
  /// Of another architecture: linux_6_12. With `debug` the image has Debian 13's, too.
  GuestKernel kernel = GuestKernel::linux_6_12;
};

[[nodiscard]] Result<Recipe> guest_recipe(const Installation& installation, const Builder& builder,
                                          const GuestSpec& guest);

}  // namespace mockdev::lab
