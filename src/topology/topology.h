// SPDX-License-Identifier: Apache-2.0
// The topology: which devices stand on which NUMA node of which machine. docs/topology.md has the
// file format.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "accel/faults.h"
#include "base/error.h"
#include "base/units.h"
#include "base/uuid.h"
#include "mock_accel.h"

namespace mockdev::topology {

// Limits of a topology.
inline constexpr ByteCount kMaxFileSize = 1_MiB;
inline constexpr unsigned kMaxNodes = 20'000;         ///< machines of a topology
inline constexpr unsigned kMaxNumaNodes = 8;          ///< of a machine
inline constexpr unsigned kMaxSlots = 32;             ///< of a NUMA node, numbered from 1
inline constexpr std::size_t kMaxDevices = 200'000;   ///< of a topology: 5,000 dense machines
inline constexpr std::size_t kMaxNodeName = 63;       ///< characters
inline constexpr ByteCount kMemoryGranule = 4_KiB;    ///< memory sizes are multiples of it
inline constexpr std::size_t kMaxPlannedFaults = 32;  ///< of a device
inline constexpr std::size_t kMaxPlannedFaultsInAll = 100'000;
inline constexpr std::chrono::milliseconds kShortestPeriod{100};  ///< of a planned fault
inline constexpr unsigned kFirstBus = 16;  ///< the root bus of the first NUMA node
inline constexpr ByteCount kMaxMemory = ByteCount{16ULL << 40U};  ///< of a PF

/// PCI ids of the devices, all of a topology the same.
struct PciIds {
  std::uint16_t vendor;
  std::uint16_t pf_device;
  std::uint16_t vf_device;
};

/// A fault that comes, and may go and come again, by a schedule. Times count from when the server
/// serves.
struct PlannedFault {
  const accel::FaultKind* kind = nullptr;          ///< never null
  double value = 0;                                ///< 0 where the kind takes none
  std::optional<std::uint16_t> vf;                 ///< number of a VF; none: it is the PF's
  std::chrono::milliseconds at{};                  ///< when it comes first
  std::optional<std::chrono::milliseconds> lasts;  ///< none: for good, or it does not last at all
  std::optional<std::chrono::milliseconds> every;  ///< longer than `lasts`; none: it comes once
};

/// One PF.
struct Device {
  std::string name;  ///< "mock0" and so on within its node: the name its guest's kernel gives it
  Uuid uuid;         ///< unique in the topology
  ByteCount memory;
  std::uint16_t vfs = 0;           ///< VFs that it can have, 0 to 64
  std::uint16_t numvfs = 0;        ///< VFs that its machine is to enable when it comes, up to `vfs`
  ByteCount vf_memory;             ///< of each VF; all of them fit into `memory`
  std::uint32_t capabilities = 0;  ///< MOCK_ACCEL_CAP_*
  unsigned slot = 0;               ///< of the port it is plugged into, unique on its NUMA node
  std::vector<PlannedFault> faults = {};
};

/// Devices are in the order of their slots.
struct NumaNode {
  unsigned id;
  std::vector<Device> devices;
};

/// How devices get into their machine: each as a device of its own, which hides that it could have
/// VFs; or behind one bridge for each NUMA node, which needs a driver of its own and hides nothing.
enum class Attach : std::uint8_t { direct, fabric };

/// One machine. NUMA nodes are in the order of their ids, which count from 0 without gaps.
struct Node {
  std::string name;  ///< unique in the topology; a DNS name, so that it can be a Kubernetes node's
  Attach attach = Attach::direct;
  std::vector<NumaNode> numa;
};

struct Topology {
  PciIds ids;
  std::vector<Node> nodes;
};

/// Defaults of what a file leaves out.
inline constexpr PciIds kDefaultIds{.vendor = MOCK_ACCEL_PCI_VENDOR,
                                    .pf_device = MOCK_ACCEL_PCI_DEVICE_PF,
                                    .vf_device = MOCK_ACCEL_PCI_DEVICE_VF};
inline constexpr Attach kDefaultAttach = Attach::fabric;
inline constexpr ByteCount kDefaultMemory = 16_GiB;
inline constexpr std::uint16_t kDefaultVfs = 16;
inline constexpr std::uint32_t kDefaultCapabilities = MOCK_ACCEL_CAP_COMPUTE;

/// Reads the memory size of a device, such as "16GiB": a multiple of kMemoryGranule, up to
/// kMaxMemory.
[[nodiscard]] Result<ByteCount> parse_memory(std::string_view text);

/// The bit of a capability's name. The error says which names there are.
[[nodiscard]] Result<std::uint32_t> parse_capability(std::string_view name);

/// What each of `vfs` VFs gets of `memory` where nothing else is said: an even share.
[[nodiscard]] ByteCount even_share(ByteCount memory, std::uint16_t vfs);

/// What is wrong with a topology file, and where.
struct Problem {
  int line;  ///< from 1; 0: no particular line
  std::string message;
};

/// Reads the text of a topology file. On failure: every problem that there is (the first hundred
/// of very many), in the order of lines, at least one. Never throws, whatever the text.
[[nodiscard]] std::expected<Topology, std::vector<Problem>> parse(std::string_view yaml);

/// The problems, one a line: "`file`:`line`: `message`".
[[nodiscard]] std::string describe(const std::vector<Problem>& problems, const std::string& file);

/// Reads a topology file of at most kMaxFileSize. The error has one line a problem,
/// "`path`:`line`: `message`".
[[nodiscard]] Result<Topology> load(const std::filesystem::path& path);

/// The PCI bus numbers of each NUMA node's root bus, in their order, and the first one that is
/// left: behind a root bus, the port of each device, or that of the bridge, takes the next.
[[nodiscard]] std::vector<unsigned> root_buses(const Node& node);

/// The PCI segment that a NUMA node's fabric asks for: 0 is the machine's own.
[[nodiscard]] std::uint16_t fabric_segment(const NumaNode& numa);

/// The file name, in the server's socket folder, of the socket that leads to a device: its own,
/// "node0-mock1.sock", or that of its NUMA node's bridge, "node0-numa1.sock".
[[nodiscard]] std::string socket_name(const Node& node, const NumaNode& numa, const Device& device);

/// Those of all devices of a machine, each once.
[[nodiscard]] std::vector<std::string> socket_names(const Node& node);

/// "direct", "fabric".
[[nodiscard]] std::string_view to_string(Attach attach);

}  // namespace mockdev::topology
