// SPDX-License-Identifier: Apache-2.0
#include "lab/qemu_tree.h"

#include <charconv>

#include "lab/program_tree.h"

namespace mockdev::lab {
namespace {

constexpr std::string_view kName = "qemu-system-x86_64";

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
  return program_tree_recipe({.name = "qemu",
                              .note = "QEMU's packages",
                              .packages = installation.lab() / "qemu/packages",
                              .backports = true},
                             builder);
}

QemuProgram qemu_of(const std::filesystem::path& folder) {
  QemuProgram program = tree_program(folder, fmt::format("usr/bin/{}", kName));
  // Where its firmware is, which it would look for on this computer.
  for (const char* data : {"usr/share/qemu", "usr/share/seabios"}) {
    program.emplace_back("-L");
    program.push_back(folder / "tree" / data);
  }
  return program;
}

}  // namespace mockdev::lab
