// SPDX-License-Identifier: Apache-2.0
#include "lab/architecture.h"

#include <array>

#include <fmt/format.h>

namespace mockdev::lab {

const ArchitectureFacts& facts_of(Architecture architecture) {
  static const std::array<ArchitectureFacts, 2> all = {{
      {.name = "amd64",
       .foreign = false,
       .recipe_prefix = "",
       .qemu = "qemu-system-x86_64",
       .qemu_packages = "qemu/packages",
       .roms = "usr/share/seabios",
       .firmware = "",
       .machine = "q35,sata=off,smbus=off",
       .console = "ttyS0",
       .port_memory = 0_B,
       .compiler = "",
       .module_build = {},
       .strip = "strip"},
      {.name = "arm64",
       .foreign = true,
       .recipe_prefix = "arm64-",
       .qemu = "qemu-system-aarch64",
       .qemu_packages = "arm64/qemu-packages",
       .roms = "",
       // NUMA nodes and their host bridges come by ACPI, which is the firmware's.
       .firmware = "usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
       // Other interrupt controllers have too few MSI vectors, or none.
       .machine = "virt,gic-version=3,its=on",
       .console = "ttyAMA0",
       // Linux places BARs anew, in windows of the firmware's size and less tightly: this is more
       // than the bridge of as many devices as a NUMA node can have takes.
       .port_memory = 1_GiB,
       .compiler = "gcc-aarch64-linux-gnu",
       .module_build = {"env", "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"},
       .strip = "aarch64-linux-gnu-strip"},
  }};
  return all.at(static_cast<std::size_t>(architecture));
}

std::vector<std::string> packages_for(Architecture architecture,
                                      std::vector<std::string> packages) {
  constexpr std::string_view kOwn = "amd64";
  const ArchitectureFacts& facts = facts_of(architecture);
  if (!facts.foreign) return packages;
  for (std::string& package : packages) {
    if (!package.ends_with(kOwn)) continue;
    package.resize(package.size() - kOwn.size());
    package += fmt::format("{0}:{0}", facts.name);
  }
  return packages;
}

}  // namespace mockdev::lab
