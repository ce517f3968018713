// SPDX-License-Identifier: Apache-2.0
#include "lab/qemu_tree.h"

#include <charconv>

#include "base/file.h"
#include "lab/debian_tree.h"
#include "lab/mirror.h"

namespace mockdev::lab {
namespace {

constexpr std::string_view kName = "qemu-system-x86_64";
constexpr std::string_view kLibraries = "usr/lib/x86_64-linux-gnu";

/// Takes a number off the front of a text.
unsigned take_number(std::string_view& text) {
  unsigned number = 0;
  const char* const end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

QemuVersion parse_qemu_version(std::string_view text) {
  constexpr std::string_view kBefore = "version ";
  const std::size_t start = text.find(kBefore);
  if (start == std::string_view::npos) return {.major = 0, .minor = 0};
  text.remove_prefix(start + kBefore.size());
  const unsigned major = take_number(text);
  if (text.starts_with('.')) text.remove_prefix(1);
  return {.major = major, .minor = take_number(text)};
}

QemuProgram host_qemu() {
  const std::filesystem::path program = find_program(kName);
  if (program.empty()) return {};
  const auto version = run_checked({.argv = {program, "--version"}});
  if (!version || parse_qemu_version(*version) < kOldestQemu) return {};
  const auto devices = run_checked({.argv = {program, "-device", "help"}});
  if (!devices || devices->find("\"vfio-user-pci\"") == std::string::npos) return {};
  return {program};
}

Result<Recipe> qemu_recipe(const Installation& installation, const Builder& builder) {
  const auto packages = read_packages(installation.lab() / "qemu/packages");
  if (!packages) return std::unexpected(packages.error());
  const auto mirror = debian_mirror();
  if (!mirror) return std::unexpected(mirror.error());
  const TreeSpec spec{.packages = *packages, .only_unpacked = true, .backports = true};
  // The key is without the mirror: all mirrors have the same packages.
  return Recipe{.name = "qemu",
                .key = content_key(mmdebstrap(spec, "", "")),
                .steps = [=](const std::filesystem::path& folder) -> std::vector<RecipeStep> {
                  return {{.note = "QEMU's packages",
                           .command = builder.command(mmdebstrap(spec, *mirror, folder / "tree"))}};
                }};
}

QemuProgram qemu_of(const std::filesystem::path& folder) {
  const std::filesystem::path tree = folder / "tree";
  return {tree / kLibraries / "ld-linux-x86-64.so.2",
          "--library-path",
          tree / kLibraries,
          tree / "usr/bin" / kName,
          "-L",
          tree / "usr/share/qemu",
          "-L",
          tree / "usr/share/seabios"};
}

}  // namespace mockdev::lab
