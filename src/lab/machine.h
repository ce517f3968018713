// SPDX-License-Identifier: Apache-2.0
// A node of the topology as a QEMU command.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/units.h"
#include "lab/architecture.h"
#include "lab/guest_image.h"
#include "lab/lab.h"
#include "lab/qemu_tree.h"
#include "lab/run_folder.h"
#include "topology/topology.h"

namespace mockdev::lab {

/// A network card of a machine beside that which leads to this computer.
struct ClusterCard {
  std::filesystem::path socket;  ///< of the switch
  std::string mac;
};

struct MachineSpec {
  topology::Node node;
  QemuProgram qemu;
  GuestImage image;
  RunFolder folder;
  Architecture architecture;
  Accelerator accelerator;  ///< kvm or tcg
  unsigned cpus;            ///< a multiple of the number of NUMA nodes
  ByteCount memory;         ///< a multiple of kMemoryStep for each NUMA node
  std::optional<ClusterCard> cluster;
};

/// NUMA nodes of Linux begin and end at such addresses.
inline constexpr ByteCount kMemoryStep = 2_MiB;

/// The smallest memory that the guest's kernel and programs start in.
inline constexpr ByteCount kMinMemory = 256_MiB;

/// The CPUs of a machine: `wanted` or 2, and as many on each NUMA node as on the others. Fails if
/// that is more than QEMU's q35 takes.
[[nodiscard]] Result<unsigned> cpus_of(const topology::Node& node, std::optional<unsigned> wanted);

/// The memory of a machine: `wanted` or 1 GiB, in whole steps on each NUMA node. Fails if it is too
/// little.
[[nodiscard]] Result<ByteCount> memory_of(const topology::Node& node,
                                          std::optional<ByteCount> wanted);

/// Fails if the machine's PCI buses are more than a PCI segment has.
[[nodiscard]] Result<void> check_buses(const topology::Node& node);

/// The QEMU command. NUMA nodes of the topology are NUMA nodes of the machine, each with its own
/// memory, CPUs and PCI host bridge; each device is plugged into a root port of its own there.
[[nodiscard]] Command machine_command(const MachineSpec& spec);

}  // namespace mockdev::lab
