// SPDX-License-Identifier: Apache-2.0
// A QEMU that can reach devices over vfio-user.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lab/architecture.h"
#include "lab/cache.h"
#include "lab/installation.h"

namespace mockdev::lab {

/// How QEMU is called: program and first arguments.
using QemuProgram = std::vector<std::string>;

struct QemuVersion {
  unsigned major;
  unsigned minor;
  auto operator<=>(const QemuVersion&) const = default;
};

/// The first that forwards a UNIX socket to a guest's port, which ssh goes through. It also has
/// vfio-user-pci, which came one version before.
inline constexpr QemuVersion kOldestQemu{.major = 10, .minor = 2};

/// Reads "QEMU emulator version 11.1.3 (...)". 0.0 for anything else.
[[nodiscard]] QemuVersion parse_qemu_version(std::string_view text);

/// This computer's own QEMU for machines of an architecture if it is able to do all that a lab
/// needs. Empty: it is not.
[[nodiscard]] QemuProgram host_qemu(Architecture architecture);

/// The tree with Debian's newest QEMU.
[[nodiscard]] Result<Recipe> qemu_recipe(const Installation& installation, const Builder& builder,
                                         Architecture architecture);

/// QEMU of the tree in a recipe's folder, run by the tree's own loader, so that no library of this
/// computer takes part.
[[nodiscard]] QemuProgram qemu_of(const std::filesystem::path& folder, Architecture architecture);

}  // namespace mockdev::lab
