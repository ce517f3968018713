// SPDX-License-Identifier: Apache-2.0
// What kind of computer a machine is, and all that differs from one kind to the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "lab/words.h"

namespace mockdev::lab {

enum class Architecture : std::uint8_t {
  amd64,  ///< this computer's own
  arm64,  ///< translated by QEMU
};

struct ArchitectureFacts {
  std::string_view name;           ///< as Debian spells it
  bool foreign;                    ///< its programs do not run on this computer
  std::string_view recipe_prefix;  ///< of the names of its folders in the cache
  std::string_view qemu;           ///< QEMU's program
  std::string_view qemu_packages;  ///< list of QEMU's packages, in lab/
  /// Files that QEMU is to find, below the root of where its packages are: a folder of ROMs, and
  /// the firmware unless it is one of these.
  std::string_view roms;
  std::string_view firmware;
  std::string_view machine;  ///< value of QEMU's -machine
  std::string_view console;  ///< the guest's name of its first serial port
  /// Prefetchable memory that the firmware keeps for each root port. 0: what its card takes.
  ByteCount port_memory;
  std::string_view compiler;  ///< package of a cross compiler for kernel modules
  Words module_build;         ///< what goes before the command that builds kernel modules
  std::string_view strip;     ///< the program for its executables
};

[[nodiscard]] const ArchitectureFacts& facts_of(Architecture architecture);

/// Names of packages in lists that were written for amd64: where a name ends in amd64, such as a
/// kernel's, it is another package for each architecture.
[[nodiscard]] std::vector<std::string> packages_for(Architecture architecture,
                                                    std::vector<std::string> packages);

}  // namespace mockdev::lab
