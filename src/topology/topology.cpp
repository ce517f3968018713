// SPDX-License-Identifier: Apache-2.0
#include "topology/topology.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "topology/document.h"
#include "topology/draft.h"

namespace mockdev::topology {
namespace {

/// Where a device stands in the file, to be written as a path only when something is wrong.
struct Place {
  std::size_t node;
  std::size_t numa;
  std::optional<std::size_t> device;  ///< none: one of a bare count
  int line;

  /// An entry of a machine with a count is read once a machine.
  [[nodiscard]] bool is_same_entry(const Place& other) const {
    return std::tie(node, numa, device) == std::tie(other.node, other.numa, other.device);
  }
};

std::string path_of(const Place& place) {
  const std::string numa = fmt::format("nodes[{}].numa[{}].devices", place.node, place.numa);
  return place.device ? fmt::format("{}[{}]", numa, *place.device) : numa;
}

/// Makes a topology of a draft: defaults, and what has to hold between values.
class Assembly {
 public:
  Assembly(const FileDraft& file, Problems& problems)
      : file_(file), problems_(problems), devices_(file.devices) {}

  /// Worth nothing if any problem has been reported.
  [[nodiscard]] Topology topology() {
    Topology topology{.ids = file_.ids, .nodes = {}};
    if (file_.nodes) topology.nodes = make_nodes(*file_.nodes, file_.attach);
    return topology;
  }

 private:
  std::vector<Node> make_nodes(const std::vector<NodeDraft>& drafts, Attach attach) {
    std::vector<Node> nodes;
    nodes.reserve(drafts.size());
    std::map<std::string, int, std::less<>> lines;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      const NodeDraft& draft = drafts[i];
      if (!draft.name.value || draft.count.wrong() || !draft.numa) continue;
      const std::size_t before = problems_.count();
      for (const std::string& name : names_for(i, draft)) {
        const auto [first, added] = lines.emplace(name, draft.name.line);
        if (added) {
          nodes.push_back(
              {.name = name, .attach = attach, .numa = make_numa_nodes(i, name, *draft.numa)});
        } else {
          problems_.report(draft.name.line,
                           fmt::format("nodes[{}].name: {} is given twice, first on line {}", i,
                                       name, first->second));
        }
        // What is wrong with one is wrong with all of its kind.
        if (problems_.count() != before) break;
      }
    }
    return nodes;
  }

  /// The names of the machines that an entry stands for. None, and a report, if they are too many.
  std::vector<std::string> names_for(std::size_t node, const NodeDraft& draft) {
    const std::string& name = *draft.name.value;
    const unsigned count = draft.count.value.value_or(1);
    const bool had_room = machines_ <= kMaxNodes;
    machines_ += count;
    if (machines_ > kMaxNodes) {
      if (had_room) {
        problems_.report(draft.line, fmt::format("nodes[{}]: more than {} machines up to here",
                                                 node, kMaxNodes));
      }
      return {};
    }
    if (!draft.count.value) return {name};
    std::size_t devices = 0;
    for (const NumaDraft& numa : *draft.numa) devices += numa.devices.size();
    if (!has_room(devices_, devices * (count - 1), draft.line, fmt::format("nodes[{}]", node),
                  problems_))
      return {};
    std::vector<std::string> names;
    for (unsigned number = 0; number < count; ++number) {
      names.push_back(fmt::format("{}-{}", name, number));
    }
    if (names.back().size() > kMaxNodeName) {
      problems_.report(draft.name.line,
                       fmt::format("nodes[{}].name: {} has more than {} characters", node,
                                   names.back(), kMaxNodeName));
      return {};
    }
    return names;
  }

  std::vector<NumaNode> make_numa_nodes(std::size_t node, const std::string& name,
                                        const std::vector<NumaDraft>& drafts) {
    std::vector<NumaNode> result;
    std::map<unsigned, int> lines;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      if (drafts[i].id.wrong()) continue;
      const unsigned id = drafts[i].id.value.value_or(static_cast<unsigned>(i));
      const auto [first, added] = lines.emplace(id, drafts[i].line);
      if (!added) {
        problems_.report(drafts[i].line,
                         fmt::format("nodes[{}].numa[{}].id: {} is given twice, first on "
                                     "line {}",
                                     node, i, id, first->second));
        continue;
      }
      result.push_back(
          {.id = id,
           .devices = make_devices(node, i, fmt::format("{}/numa{}", name, id), drafts[i])});
    }
    if (lines.size() == drafts.size() && lines.rbegin()->first >= lines.size()) {
      problems_.report(
          lines.rbegin()->second,
          fmt::format("nodes[{}].numa: ids have to count from 0 without gaps; {} is the highest "
                      "of {}",
                      node, lines.rbegin()->first, lines.size()));
    }
    std::ranges::sort(result, {}, &NumaNode::id);
    name_devices(result);
    return result;
  }

  static void name_devices(std::vector<NumaNode>& numa_nodes) {
    unsigned number = 0;
    for (NumaNode& numa : numa_nodes) {
      for (Device& device : numa.devices) device.name = fmt::format("mock{}", number++);
    }
  }

  std::vector<Device> make_devices(std::size_t node, std::size_t numa, const std::string& pool,
                                   const NumaDraft& draft) {
    std::vector<Device> devices;
    devices.reserve(draft.devices.size());
    std::array<int, kMaxSlots + 1> slot_lines{};
    for (std::size_t i = 0; i < draft.devices.size(); ++i) {
      const DeviceDraft& device = draft.devices[i];
      if (device.slot.wrong()) continue;
      const Place place{.node = node,
                        .numa = numa,
                        .device = draft.counted ? std::nullopt : std::optional(i),
                        .line = device.line};
      const unsigned slot = device.slot.value.value_or(static_cast<unsigned>(i) + 1);
      if (const int first = std::exchange(slot_lines.at(slot), device.line); first != 0) {
        problems_.report(std::max(device.slot.line, device.line),
                         fmt::format("{}.slot: {} is taken by the device on line {}",
                                     path_of(place), slot, first));
        continue;
      }
      devices.push_back(make_device(place, pool, slot, device));
    }
    std::ranges::sort(devices, {}, &Device::slot);
    return devices;
  }

  Device make_device(const Place& place, const std::string& pool, unsigned slot,
                     const DeviceDraft& draft) {
    Device device;
    device.uuid =
        draft.uuid.value ? *draft.uuid.value : uuid_of_name(fmt::format("{}/slot{}", pool, slot));
    device.memory = draft.memory.value.value_or(kDefaultMemory);
    device.vfs = static_cast<std::uint16_t>(draft.vfs.value.value_or(kDefaultVfs));
    device.numvfs = static_cast<std::uint16_t>(draft.numvfs.value.value_or(0));
    device.vf_memory = draft.vf_memory.value.value_or(even_share(device.memory, device.vfs));
    device.capabilities = draft.capabilities.value.value_or(kDefaultCapabilities);
    device.slot = slot;
    check_vf_memory(place, draft, device);
    check_numvfs(place, draft, device);
    check_uuid(place, draft, device.uuid);
    device.faults = make_faults(place, draft, device);
    return device;
  }

  void check_numvfs(const Place& place, const DeviceDraft& draft, const Device& device) {
    if (draft.vfs.wrong() || device.numvfs == 0) return;
    if (device.numvfs > device.vfs) {
      problems_.report(draft.numvfs.line,
                       fmt::format("{}.numvfs: {} is more than the {} VFs that the device can have",
                                   path_of(place), device.numvfs, device.vfs));
    } else if (file_.attach == Attach::direct) {
      problems_.report(draft.numvfs.line,
                       path_of(place) + ".numvfs: a device with attach: direct shows no VFs");
    }
  }

  std::vector<PlannedFault> make_faults(const Place& place, const DeviceDraft& draft,
                                        const Device& device) {
    const bool had_room = planned_faults_ <= kMaxPlannedFaultsInAll;
    planned_faults_ += draft.faults.size();
    if (planned_faults_ > kMaxPlannedFaultsInAll) {
      if (had_room) {
        problems_.report(draft.line, fmt::format("{}.faults: more than {} faults up to here",
                                                 path_of(place), kMaxPlannedFaultsInAll));
      }
      return {};
    }
    std::vector<PlannedFault> faults;
    for (std::size_t i = 0; i < draft.faults.size(); ++i) {
      const FaultDraft& fault = draft.faults[i];
      if (!fault.kind.value) continue;
      const std::string path = fmt::format("{}.faults[{}]", path_of(place), i);
      faults.push_back(make_fault(path, fault));
      check_place(path, fault, draft, device);
      check_times(path, fault);
    }
    return faults;
  }

  PlannedFault make_fault(const std::string& path, const FaultDraft& draft) {
    PlannedFault fault{.kind = *draft.kind.value,
                       .vf = draft.vf.value,
                       .at = draft.at.value.value_or(std::chrono::milliseconds(0)),
                       .lasts = draft.lasts.value,
                       .every = draft.every.value};
    if (draft.value.wrong()) return fault;
    const auto value = accel::fault_value(*fault.kind, draft.value.value);
    if (value) {
      fault.value = *value;
    } else {
      problems_.report(draft.value.line, fmt::format("{}.value: {}", path, value.error().message));
    }
    return fault;
  }

  /// That there is something for the fault to be of.
  void check_place(const std::string& path, const FaultDraft& fault, const DeviceDraft& draft,
                   const Device& device) {
    const accel::FaultKind& kind = **fault.kind.value;
    if (fault.vf.value && !draft.vfs.wrong() && *fault.vf.value >= device.vfs) {
      problems_.report(fault.vf.line, fmt::format("{}.vf: {} is not below the {} VFs that the "
                                                  "device can have",
                                                  path, *fault.vf.value, device.vfs));
    }
    if (kind.slot == accel::SlotEffect::none) return;
    if (fault.vf.value) {
      problems_.report(
          fault.vf.line,
          fmt::format("{}.vf: {} is a fault of the card's slot, not of a VF", path, kind.name));
    }
    if (file_.attach == Attach::direct) {
      problems_.report(fault.kind.line,
                       fmt::format("{}.kind: {} takes a slot, which a device with attach: direct "
                                   "does not have",
                                   path, kind.name));
    }
  }

  void check_times(const std::string& path, const FaultDraft& fault) {
    const accel::FaultKind& kind = **fault.kind.value;
    const auto& [lasts, every] = std::tie(fault.lasts, fault.every);
    if (lasts.value && !kind.lasts) {
      problems_.report(lasts.line, fmt::format("{}.for: {} happens at a moment and does not last",
                                               path, kind.name));
    } else if (lasts.value == std::chrono::milliseconds(0)) {
      problems_.report(lasts.line, path + ".for: a fault has to last for 1ms at least");
    }
    if (!every.value) return;
    if (*every.value < kShortestPeriod) {
      problems_.report(every.line,
                       fmt::format("{}.every: is less than {}ms", path, kShortestPeriod.count()));
    }
    if (kind.lasts && lasts.line == 0) {
      problems_.report(every.line,
                       path + ".every: a fault that stays does not come again; for is missing");
    } else if (kind.lasts && lasts.value && *lasts.value >= *every.value) {
      problems_.report(lasts.line, path + ".for: is not shorter than every");
    }
  }

  void check_vf_memory(const Place& place, const DeviceDraft& draft, const Device& device) {
    if (draft.memory.wrong() || draft.vfs.wrong() || draft.vf_memory.wrong()) return;
    if (device.vfs == 0) {
      if (!draft.vf_memory.value) return;
      problems_.report(draft.vf_memory.line,
                       path_of(place) + ".vf_memory: has no meaning for a device with vfs: 0");
    } else if (device.vf_memory == 0_B) {
      problems_.report(std::max(draft.memory.line, draft.line),
                       fmt::format("{}.memory: {} are too little for {} VFs of at least {} each",
                                   path_of(place), device.memory, device.vfs, kMemoryGranule));
    } else if (device.vf_memory.value() > device.memory.value() / device.vfs) {
      problems_.report(
          draft.vf_memory.line,
          fmt::format("{}.vf_memory: {} VFs of {} are more than the {} that the device has",
                      path_of(place), device.vfs, device.vf_memory, device.memory));
    }
  }

  void check_uuid(Place place, const DeviceDraft& draft, const Uuid& uuid) {
    if (draft.uuid.wrong()) return;
    place.line = std::max(draft.uuid.line, draft.line);
    const auto [first, added] = uuids_.emplace(uuid, place);
    if (added) return;
    if (first->second.is_same_entry(place)) {
      problems_.report(place.line,
                       fmt::format("{}.uuid: {} can't be that of each of several machines",
                                   path_of(place), uuid));
      return;
    }
    problems_.report(place.line,
                     fmt::format("{}.uuid: {} is also that of {} on line {}", path_of(place), uuid,
                                 path_of(first->second), first->second.line));
  }

  const FileDraft& file_;
  Problems& problems_;
  std::size_t devices_;
  std::size_t machines_ = 0;
  std::size_t planned_faults_ = 0;
  std::map<Uuid, Place> uuids_;
};

}  // namespace

ByteCount even_share(ByteCount memory, std::uint16_t vfs) {
  if (vfs == 0) return 0_B;
  const std::uint64_t share = memory.value() / vfs;
  return ByteCount{share - (share % kMemoryGranule.value())};
}

std::expected<Topology, std::vector<Problem>> parse(std::string_view yaml) {
  const auto document = read_document(yaml);
  if (!document) {
    return std::unexpected(
        std::vector<Problem>{{.line = document.error().line, .message = document.error().message}});
  }
  Problems problems;
  const FileDraft file = read_draft(**document, problems);
  Topology topology = Assembly(file, problems).topology();
  if (problems.count() == 0) return topology;
  return std::unexpected(problems.take());
}

Result<Topology> load(const std::filesystem::path& path) {
  const Result<std::string> text = read_file(path, kMaxFileSize);
  if (!text) return std::unexpected(text.error());
  auto topology = parse(*text);
  if (topology) return *std::move(topology);
  return fail("{}", describe(topology.error(), path.native()));
}

std::string describe(const std::vector<Problem>& problems, const std::string& file) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems) {
    const std::string where = problem.line == 0 ? file : fmt::format("{}:{}", file, problem.line);
    lines.push_back(fmt::format("{}: {}", where, problem.message));
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<unsigned> root_buses(const Node& node) {
  std::vector<unsigned> buses = {kFirstBus};
  for (const NumaNode& numa : node.numa) {
    const std::size_t ports = node.attach == Attach::direct
                                  ? numa.devices.size()
                                  : std::min<std::size_t>(numa.devices.size(), 1);
    buses.push_back(buses.back() + 1 + static_cast<unsigned>(ports));
  }
  return buses;
}

std::uint16_t fabric_segment(const NumaNode& numa) {
  return static_cast<std::uint16_t>(numa.id + 1);
}

std::string socket_name(const Node& node, const NumaNode& numa, const Device& device) {
  if (node.attach == Attach::fabric) return fmt::format("{}-numa{}.sock", node.name, numa.id);
  return fmt::format("{}-{}.sock", node.name, device.name);
}

std::vector<std::string> socket_names(const Node& node) {
  std::vector<std::string> names;
  for (const NumaNode& numa : node.numa) {
    for (const Device& device : numa.devices) {
      std::string name = socket_name(node, numa, device);
      if (names.empty() || names.back() != name) names.push_back(std::move(name));
    }
  }
  return names;
}

std::string_view to_string(Attach attach) {
  return attach == Attach::direct ? "direct" : "fabric";
}

}  // namespace mockdev::topology
