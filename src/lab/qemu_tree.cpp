// SPDX-License-Identifier: Apache-2.0
#include "lab/qemu_tree.h"

#include <charconv>

#include "lab/program_tree.h"

namespace mockdev::lab {
namespace {

/// Takes a number off the front of a text.
unsigned take_number(std::string_view& text) {
  unsigned number = 0;
  const char* const end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// The words that name the firmware of packages below a root; none: QEMU knows.
Words firmware_options(const std::filesystem::path& root, const ArchitectureFacts& facts) {
  if (facts.firmware.empty()) return {};
  return {"-bios", root / facts.firmware};
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

QemuProgram host_qemu(Architecture architecture) {
  const ArchitectureFacts& facts = facts_of(architecture);
  const std::filesystem::path program = find_program(facts.qemu);
  if (program.empty()) return {};
  const std::filesystem::path root = "/";
  std::error_code ignored;
  if (!std::filesystem::exists(root / facts.firmware, ignored)) return {};
  const auto version = run_checked({.argv = {program, "--version"}});
  if (!version || parse_qemu_version(*version) < kOldestQemu) return {};
  const auto devices = run_checked({.argv = {program, "-device", "help"}});
  if (!devices || devices->find("\"vfio-user-pci\"") == std::string::npos) return {};
  return QemuProgram{program} + firmware_options(root, facts);
}

Result<Recipe> qemu_recipe(const Installation& installation, const Builder& builder,
                           Architecture architecture) {
  const ArchitectureFacts& facts = facts_of(architecture);
  return program_tree_recipe({.name = fmt::format("{}qemu", facts.recipe_prefix),
                              .note = "QEMU's packages",
                              .packages = installation.lab() / facts.qemu_packages,
                              .backports = true},
                             builder);
}

QemuProgram qemu_of(const std::filesystem::path& folder, Architecture architecture) {
  const ArchitectureFacts& facts = facts_of(architecture);
  const std::filesystem::path tree = folder / "tree";
  QemuProgram program = tree_program(folder, fmt::format("usr/bin/{}", facts.qemu));
  // Where its firmware is, which it would look for on this computer.
  for (const std::string_view data : {std::string_view("usr/share/qemu"), facts.roms}) {
    if (data.empty()) continue;
    program.emplace_back("-L");
    program.push_back(tree / data);
  }
  return program + firmware_options(tree, facts);
}

}  // namespace mockdev::lab
