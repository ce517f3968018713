// SPDX-License-Identifier: Apache-2.0
#include "topology/topology.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "accel/capabilities.h"
#include "base/file.h"
#include "mock_accel.h"
#include "topology/document.h"

namespace mockdev::topology {
namespace {

constexpr std::size_t kMaxProblems = 100;

constexpr unsigned kMaxPciId = 0xfffe;  // 0xffff reads as "nothing there"

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

/// What the file says of one thing.
template <typename T>
struct Given {
  std::optional<T> value;  ///< empty: nothing, or nothing right
  int line = 0;            ///< where; 0: nowhere

  /// Given, but wrong, which has been reported: what depends on it is not worth a report.
  [[nodiscard]] bool wrong() const { return line != 0 && !value; }
};

struct DeviceDraft {
  int line = 0;
  Given<Uuid> uuid;
  Given<ByteCount> memory;
  Given<unsigned> vfs;
  Given<ByteCount> vf_memory;
  Given<std::uint32_t> capabilities;
  Given<unsigned> slot;
};

struct NumaDraft {
  int line = 0;
  Given<unsigned> id;
  std::vector<DeviceDraft> devices;
  bool counted = false;  ///< by a bare number
};

struct NodeDraft {
  int line = 0;
  Given<std::string> name;
  Given<unsigned> count;
  std::optional<std::vector<NumaDraft>> numa;
};

struct FileDraft {
  PciIds ids = kDefaultIds;
  Attach attach = kDefaultAttach;
  std::optional<std::vector<NodeDraft>> nodes;
};

/// Insertions, deletions and replacements that make `a` of `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// The names of the rows of a table.
template <typename Row, std::size_t kCount>
std::vector<std::string_view> names_of(const std::array<Row, kCount>& rows) {
  std::vector<std::string_view> names(kCount);
  std::ranges::transform(rows, names.begin(), &Row::name);
  return names;
}

/// "; did you mean vfs?" where one of `names` is close to `word`, else "; known are a, b".
std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
  constexpr std::size_t kFar = 3;
  const auto distance = [&](std::string_view name) {
    return word.size() > 2 * name.size() ? kFar : edit_distance(word, name);
  };
  const auto closest = std::ranges::min_element(names, {}, distance);
  if (closest != names.end() && distance(*closest) < kFar) {
    return fmt::format("; did you mean {}?", *closest);
  }
  return fmt::format("; known are {}", fmt::join(names, ", "));
}

std::string_view kind_name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::nothing:
      return "nothing";
    case Value::Kind::text:
      return "a word";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::map:
      return "a map";
  }
  return "something else";
}

/// "65", or "a list" for what is no text.
std::string described(const Value& value) {
  if (value.kind != Value::Kind::text) return std::string(kind_name(value.kind));
  return value.text.empty() ? "an empty text" : shown(value.text);
}

/// A whole number, decimal or with 0x. Negative numbers are read so that they can be named.
std::optional<std::int64_t> number_of(const Value& value) {
  if (value.kind != Value::Kind::text) return std::nullopt;
  std::string_view text = value.text;
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::int64_t number = 0;
  const char* const begin = std::to_address(text.begin());
  const char* const end = std::to_address(text.end());
  const auto [rest, error] = std::from_chars(begin, end, number, hexadecimal ? 16 : 10);
  if (error != std::errc{} || rest != end || (hexadecimal && number < 0)) return std::nullopt;
  return number;
}

bool is_dns_name(std::string_view name) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  char previous = '.';
  for (const char c : name) {
    // Each label begins and ends with a letter or digit.
    const bool fits = alphanumeric(c) || ((c == '-' || c == '.') && previous != '.');
    if (!fits || (c == '.' && previous == '-')) return false;
    previous = c;
  }
  return !name.empty() && alphanumeric(previous);
}

/// Turns a document into a topology and collects all that is wrong with it.
class Reader {
 public:
  [[nodiscard]] std::expected<Topology, std::vector<Problem>> read(const Value& root) {
    FileDraft file;
    if (root.kind == Value::Kind::nothing) {
      report(0, "the file is empty; it has to have nodes");
    } else {
      read_fields(root, "", kFileFields, file);
      if (!file.nodes && problems_.empty()) report(root.line, "nodes: missing");
    }
    Topology topology{.ids = file.ids, .nodes = {}};
    if (file.nodes) topology.nodes = make_nodes(*file.nodes, file.attach);
    if (problems_.empty()) return topology;
    std::ranges::sort(problems_, {}, [](const Problem& problem) {
      return std::tie(problem.line, problem.message);
    });
    if (unreported_ > 0) {
      problems_.push_back({.line = 0, .message = fmt::format("and {} more problems", unreported_)});
    }
    return std::unexpected(std::move(problems_));
  }

 private:
  /// One row a key: its name and what reads its value into a draft.
  template <typename Draft>
  struct Field {
    std::string_view name;
    void (Reader::*read)(const Value& value, const std::string& path, Draft& draft);
  };

  void report(int line, std::string message) {
    if (problems_.size() < kMaxProblems) {
      problems_.push_back({.line = line, .message = std::move(message)});
    } else {
      ++unreported_;
    }
  }

  /// Reports that `value` at `path` is not `what would be right`.
  void report_kind(const Value& value, const std::string& path, std::string_view right) {
    report(value.line, fmt::format("{}: {} is not {}", path.empty() ? "the file" : path,
                                   described(value), right));
  }

  template <typename Draft, std::size_t kCount>
  void read_fields(const Value& map, const std::string& path,
                   const std::array<Field<Draft>, kCount>& fields, Draft& draft) {
    if (map.kind != Value::Kind::map) {
      report_kind(map, path, fmt::format("a map of {}", fmt::join(names_of(fields), ", ")));
      return;
    }
    std::array<int, kCount> lines{};  // where each field was seen, 0: not yet
    for (const Entry& entry : map.entries) {
      const std::string entry_path =
          path.empty() ? shown(entry.key) : fmt::format("{}.{}", path, shown(entry.key));
      const auto field = std::ranges::find(fields, entry.key, &Field<Draft>::name);
      if (field == fields.end()) {
        report(entry.line, fmt::format("{}: unknown key{}", entry_path,
                                       suggestion(entry.key, names_of(fields))));
        continue;
      }
      int& line = lines.at(static_cast<std::size_t>(field - fields.begin()));
      if (line != 0) {
        report(entry.line, fmt::format("{}: given twice, first on line {}", entry_path, line));
        continue;
      }
      line = entry.line;
      (this->*field->read)(*entry.value, entry_path, draft);
    }
  }

  /// A number from `min` to `max`. `owner` finishes "is more than the 64 that ...".
  template <std::integral Number>
  std::optional<Number> read_number(const Value& value, const std::string& path, Number min,
                                    Number max, std::string_view owner) {
    const std::optional<std::int64_t> number = number_of(value);
    if (!number) {
      report_kind(value, path, fmt::format("a whole number from {} to {}", min, max));
    } else if (std::cmp_less(*number, min)) {
      report(value.line, fmt::format("{}: {} is less than {}", path, *number, min));
    } else if (std::cmp_greater(*number, max)) {
      report(value.line,
             fmt::format("{}: {} is more than the {} that {}", path, *number, max, owner));
    } else {
      return static_cast<Number>(*number);
    }
    return std::nullopt;
  }

  std::optional<ByteCount> read_memory(const Value& value, const std::string& path) {
    if (value.kind != Value::Kind::text) {
      report_kind(value, path, "a size, such as 512MiB or 16GiB");
      return std::nullopt;
    }
    const Result<ByteCount> size = parse_memory(value.text);
    if (size) return *size;
    report(value.line, fmt::format("{}: {}", path, size.error().message));
    return std::nullopt;
  }

  template <typename Draft>
  std::vector<Draft> read_list(const Value& value, const std::string& path,
                               void (Reader::*read_item)(const Value&, const std::string&,
                                                         Draft&)) {
    std::vector<Draft> drafts(value.items.size());
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      (this->*read_item)(*value.items[i], fmt::format("{}[{}]", path, i), drafts[i]);
    }
    return drafts;
  }

  // The file.

  void read_attach(const Value& value, const std::string& path, FileDraft& file) {
    for (const Attach attach : {Attach::direct, Attach::fabric}) {
      if (value.kind != Value::Kind::text || value.text != to_string(attach)) continue;
      file.attach = attach;
      return;
    }
    report_kind(value, path, "direct or fabric");
  }

  void read_ids(const Value& value, const std::string& path, FileDraft& file) {
    read_fields(value, path, kIdFields, file.ids);
  }

  template <std::uint16_t PciIds::* kId>
  void read_pci_id(const Value& value, const std::string& path, PciIds& ids) {
    const auto number = number_of(value);
    if (!number || *number < 1 || *number > kMaxPciId) {
      report_kind(value, path, fmt::format("a PCI id from 0x1 to 0x{:x}", kMaxPciId));
      return;
    }
    ids.*kId = static_cast<std::uint16_t>(*number);
  }

  void read_nodes(const Value& value, const std::string& path, FileDraft& file) {
    if (value.kind != Value::Kind::list || value.items.empty()) {
      report_kind(value, path, "a list of nodes");
      return;
    }
    file.nodes = read_list(value, path, &Reader::read_node);
  }

  // A node.

  void read_node(const Value& value, const std::string& path, NodeDraft& node) {
    node.line = value.line;
    const std::size_t before = problems_.size() + unreported_;
    read_fields(value, path, kNodeFields, node);
    if (problems_.size() + unreported_ != before) return;
    if (!node.name.value) report(value.line, path + ".name: missing");
    if (!node.numa) report(value.line, path + ".numa: missing");
  }

  void read_name(const Value& value, const std::string& path, NodeDraft& node) {
    node.name.line = value.line;
    if (value.kind != Value::Kind::text || value.text.size() > kMaxNodeName ||
        !is_dns_name(value.text)) {
      report_kind(value, path,
                  fmt::format("a name of lower-case letters, digits, '-' and '.', of at most {} "
                              "characters, that begins and ends with a letter or digit",
                              kMaxNodeName));
      return;
    }
    node.name.value = value.text;
  }

  void read_count(const Value& value, const std::string& path, NodeDraft& node) {
    node.count = {.value = read_number(value, path, 1U, kMaxNodes, "a topology can have"),
                  .line = value.line};
  }

  void read_numa_nodes(const Value& value, const std::string& path, NodeDraft& node) {
    if (value.kind != Value::Kind::list || value.items.empty()) {
      report_kind(value, path, "a list of NUMA nodes");
    } else if (value.items.size() > kMaxNumaNodes) {
      report(value.line, fmt::format("{}: {} NUMA nodes are more than the {} that a node can have",
                                     path, value.items.size(), kMaxNumaNodes));
    } else {
      node.numa = read_list(value, path, &Reader::read_numa_node);
    }
  }

  // A NUMA node.

  void read_numa_node(const Value& value, const std::string& path, NumaDraft& numa) {
    numa.line = value.line;
    read_fields(value, path, kNumaFields, numa);
  }

  void read_numa_id(const Value& value, const std::string& path, NumaDraft& numa) {
    numa.id = {.value = read_number(value, path, 0U, kMaxNumaNodes - 1, "a NUMA node's id can be"),
               .line = value.line};
  }

  void read_devices(const Value& value, const std::string& path, NumaDraft& numa) {
    if (value.kind == Value::Kind::text) {
      const auto count = read_number(value, path, 0U, kMaxSlots, "a NUMA node can have");
      numa.counted = true;
      if (!count || !has_room(*count, value.line, path)) return;
      DeviceDraft plain;
      plain.line = value.line;
      numa.devices.assign(*count, plain);
    } else if (value.kind != Value::Kind::list) {
      report_kind(value, path, "a number or a list of devices");
    } else if (value.items.size() > kMaxSlots) {
      report(value.line,
             fmt::format("{}: {} devices are more than the {} that a NUMA node can have", path,
                         value.items.size(), kMaxSlots));
    } else if (has_room(value.items.size(), value.line, path)) {
      numa.devices = read_list(value, path, &Reader::read_device);
    }
  }

  /// Counts devices; whether they still fit into the topology. Reports the first that do not.
  bool has_room(std::size_t devices, int line, const std::string& path) {
    const bool had_room = devices_ <= kMaxDevices;
    devices_ += devices;
    if (had_room && devices_ > kMaxDevices) {
      report(line, fmt::format("{}: more than {} devices up to here", path, kMaxDevices));
    }
    return devices_ <= kMaxDevices;
  }

  // A device.

  void read_device(const Value& value, const std::string& path, DeviceDraft& device) {
    device.line = value.line;
    // "-" alone is a device with nothing but defaults.
    if (value.kind != Value::Kind::nothing) read_fields(value, path, kDeviceFields, device);
  }

  void read_uuid(const Value& value, const std::string& path, DeviceDraft& device) {
    device.uuid.line = value.line;
    const Result<Uuid> uuid = parse_uuid(value.text);
    if (value.kind != Value::Kind::text || !uuid || uuid->is_nil()) {
      report_kind(value, path, "a UUID other than the nil UUID");
      return;
    }
    device.uuid.value = *uuid;
  }

  void read_device_memory(const Value& value, const std::string& path, DeviceDraft& device) {
    device.memory = {.value = read_memory(value, path), .line = value.line};
  }

  void read_vfs(const Value& value, const std::string& path, DeviceDraft& device) {
    device.vfs = {
        read_number(value, path, 0U, static_cast<unsigned>(MOCK_ACCEL_MAX_VFS), "a PF can have"),
        value.line};
  }

  void read_vf_memory(const Value& value, const std::string& path, DeviceDraft& device) {
    device.vf_memory = {.value = read_memory(value, path), .line = value.line};
  }

  void read_slot(const Value& value, const std::string& path, DeviceDraft& device) {
    device.slot = {.value = read_number(value, path, 1U, kMaxSlots, "a NUMA node has"),
                   .line = value.line};
  }

  void read_capabilities(const Value& value, const std::string& path, DeviceDraft& device) {
    if (value.kind != Value::Kind::list) {
      report_kind(value, path, "a list such as [compute, p2p]");
      return;
    }
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      bits |= read_capability(*value.items[i], fmt::format("{}[{}]", path, i));
    }
    device.capabilities = {.value = bits, .line = value.line};
  }

  std::uint32_t read_capability(const Value& value, const std::string& path) {
    if (value.kind != Value::Kind::text) {
      report_kind(value, path, "the name of a capability");
      return 0;
    }
    const Result<std::uint32_t> bit = parse_capability(value.text);
    if (bit) return *bit;
    report(value.line, fmt::format("{}: {}", path, bit.error().message));
    return 0;
  }

  // From drafts to the topology: defaults, and what holds between values.

  std::vector<Node> make_nodes(const std::vector<NodeDraft>& drafts, Attach attach) {
    std::vector<Node> nodes;
    nodes.reserve(drafts.size());
    std::map<std::string, int, std::less<>> lines;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      const NodeDraft& draft = drafts[i];
      if (!draft.name.value || draft.count.wrong() || !draft.numa) continue;
      const std::size_t before = problems_.size() + unreported_;
      for (const std::string& name : names_for(i, draft)) {
        const auto [first, added] = lines.emplace(name, draft.name.line);
        if (added) {
          nodes.push_back(
              {.name = name, .attach = attach, .numa = make_numa_nodes(i, name, *draft.numa)});
        } else {
          report(draft.name.line, fmt::format("nodes[{}].name: {} is given twice, first on line {}",
                                              i, name, first->second));
        }
        // What is wrong with one is wrong with all of its kind.
        if (problems_.size() + unreported_ != before) break;
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
        report(draft.line,
               fmt::format("nodes[{}]: more than {} machines up to here", node, kMaxNodes));
      }
      return {};
    }
    if (!draft.count.value) return {name};
    std::size_t devices = 0;
    for (const NumaDraft& numa : *draft.numa) devices += numa.devices.size();
    if (!has_room(devices * (count - 1), draft.line, fmt::format("nodes[{}]", node))) return {};
    std::vector<std::string> names;
    for (unsigned number = 0; number < count; ++number) {
      names.push_back(fmt::format("{}-{}", name, number));
    }
    if (names.back().size() > kMaxNodeName) {
      report(draft.name.line, fmt::format("nodes[{}].name: {} has more than {} characters", node,
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
        report(drafts[i].line, fmt::format("nodes[{}].numa[{}].id: {} is given twice, first on "
                                           "line {}",
                                           node, i, id, first->second));
        continue;
      }
      result.push_back(
          {.id = id,
           .devices = make_devices(node, i, fmt::format("{}/numa{}", name, id), drafts[i])});
    }
    if (lines.size() == drafts.size() && lines.rbegin()->first >= lines.size()) {
      report(lines.rbegin()->second,
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
        report(std::max(device.slot.line, device.line),
               fmt::format("{}.slot: {} is taken by the device on line {}", path_of(place), slot,
                           first));
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
    device.vf_memory = draft.vf_memory.value.value_or(even_share(device.memory, device.vfs));
    device.capabilities = draft.capabilities.value.value_or(kDefaultCapabilities);
    device.slot = slot;
    check_vf_memory(place, draft, device);
    check_uuid(place, draft, device.uuid);
    return device;
  }

  void check_vf_memory(const Place& place, const DeviceDraft& draft, const Device& device) {
    if (draft.memory.wrong() || draft.vfs.wrong() || draft.vf_memory.wrong()) return;
    if (device.vfs == 0) {
      if (!draft.vf_memory.value) return;
      report(draft.vf_memory.line,
             path_of(place) + ".vf_memory: has no meaning for a device with vfs: 0");
    } else if (device.vf_memory == 0_B) {
      report(std::max(draft.memory.line, draft.line),
             fmt::format("{}.memory: {} are too little for {} VFs of at least {} each",
                         path_of(place), device.memory, device.vfs, kMemoryGranule));
    } else if (device.vf_memory.value() > device.memory.value() / device.vfs) {
      report(draft.vf_memory.line,
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
      report(place.line, fmt::format("{}.uuid: {} can't be that of each of several machines",
                                     path_of(place), uuid));
      return;
    }
    report(place.line, fmt::format("{}.uuid: {} is also that of {} on line {}", path_of(place),
                                   uuid, path_of(first->second), first->second.line));
  }

  static constexpr std::array<Field<FileDraft>, 3> kFileFields = {{
      {.name = "nodes", .read = &Reader::read_nodes},
      {.name = "ids", .read = &Reader::read_ids},
      {.name = "attach", .read = &Reader::read_attach},
  }};
  static constexpr std::array<Field<PciIds>, 3> kIdFields = {{
      {.name = "vendor", .read = &Reader::read_pci_id<&PciIds::vendor>},
      {.name = "pf_device", .read = &Reader::read_pci_id<&PciIds::pf_device>},
      {.name = "vf_device", .read = &Reader::read_pci_id<&PciIds::vf_device>},
  }};
  static constexpr std::array<Field<NodeDraft>, 3> kNodeFields = {{
      {.name = "name", .read = &Reader::read_name},
      {.name = "count", .read = &Reader::read_count},
      {.name = "numa", .read = &Reader::read_numa_nodes},
  }};
  static constexpr std::array<Field<NumaDraft>, 2> kNumaFields = {{
      {.name = "id", .read = &Reader::read_numa_id},
      {.name = "devices", .read = &Reader::read_devices},
  }};
  static constexpr std::array<Field<DeviceDraft>, 6> kDeviceFields = {{
      {.name = "uuid", .read = &Reader::read_uuid},
      {.name = "memory", .read = &Reader::read_device_memory},
      {.name = "vfs", .read = &Reader::read_vfs},
      {.name = "vf_memory", .read = &Reader::read_vf_memory},
      {.name = "capabilities", .read = &Reader::read_capabilities},
      {.name = "slot", .read = &Reader::read_slot},
  }};

  std::vector<Problem> problems_;
  std::size_t unreported_ = 0;
  std::size_t devices_ = 0;
  std::size_t machines_ = 0;
  std::map<Uuid, Place> uuids_;
};

}  // namespace

Result<ByteCount> parse_memory(std::string_view text) {
  const Result<ByteCount> size = parse_byte_count(text);
  if (!size) {
    // Not the parser's own words: they repeat the text as it is, which a terminal may obey.
    return fail("{} is not a size, such as 512MiB or 16GiB, of less than 2^64 bytes", shown(text));
  }
  if (*size < kMemoryGranule) return fail("{} is less than {}", *size, kMemoryGranule);
  if (size->value() % kMemoryGranule.value() != 0) {
    return fail("{} is not a multiple of {}", *size, kMemoryGranule);
  }
  if (*size > kMaxMemory) {
    return fail("{} is more than the {} that a device can have", *size, kMaxMemory);
  }
  return size;
}

Result<std::uint32_t> parse_capability(std::string_view name) {
  const auto* const known = std::ranges::find(accel::kCapabilities, name, &accel::Capability::name);
  if (known != accel::kCapabilities.end()) return known->bit;
  return fail("{} is not a capability{}", shown(name),
              suggestion(name, names_of(accel::kCapabilities)));
}

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
  return Reader().read(**document);
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
