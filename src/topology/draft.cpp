// SPDX-License-Identifier: Apache-2.0
#include "topology/draft.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

#include "topology/values.h"

namespace mockdev::topology {
namespace {

constexpr std::size_t kMaxProblems = 100;

constexpr unsigned kMaxPciId = 0xfffe;  // 0xffff reads as "nothing there"

/// Turns a document into a draft.
class Reader {
 public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  [[nodiscard]] FileDraft read(const Value& root) {
    FileDraft file;
    if (root.kind == Value::Kind::nothing) {
      problems_.report(0, "the file is empty; it has to have nodes");
    } else {
      read_fields(root, "", kFileFields, file);
      if (!file.nodes && problems_.count() == 0) problems_.report(root.line, "nodes: missing");
    }
    file.devices = devices_;
    return file;
  }

 private:
  /// One row a key: its name and what reads its value into a draft.
  template <typename Draft>
  struct Field {
    std::string_view name;
    void (Reader::*read)(const Value& value, const std::string& path, Draft& draft);
  };

  /// Reports that `value` at `path` is not `what would be right`.
  void report_kind(const Value& value, const std::string& path, std::string_view right) {
    problems_.report(value.line, fmt::format("{}: {} is not {}", path.empty() ? "the file" : path,
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
        problems_.report(entry.line, fmt::format("{}: unknown key{}", entry_path,
                                                 suggestion(entry.key, names_of(fields))));
        continue;
      }
      int& line = lines.at(static_cast<std::size_t>(field - fields.begin()));
      if (line != 0) {
        problems_.report(entry.line,
                         fmt::format("{}: given twice, first on line {}", entry_path, line));
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
      problems_.report(value.line, fmt::format("{}: {} is less than {}", path, *number, min));
    } else if (std::cmp_greater(*number, max)) {
      problems_.report(
          value.line, fmt::format("{}: {} is more than the {} that {}", path, *number, max, owner));
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
    problems_.report(value.line, fmt::format("{}: {}", path, size.error().message));
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
    const std::size_t before = problems_.count();
    read_fields(value, path, kNodeFields, node);
    if (problems_.count() != before) return;
    if (!node.name.value) problems_.report(value.line, path + ".name: missing");
    if (!node.numa) problems_.report(value.line, path + ".numa: missing");
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
      problems_.report(value.line,
                       fmt::format("{}: {} NUMA nodes are more than the {} that a node can have",
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
      if (!count || !has_room(devices_, *count, value.line, path, problems_)) return;
      DeviceDraft plain;
      plain.line = value.line;
      numa.devices.assign(*count, plain);
    } else if (value.kind != Value::Kind::list) {
      report_kind(value, path, "a number or a list of devices");
    } else if (value.items.size() > kMaxSlots) {
      problems_.report(value.line,
                       fmt::format("{}: {} devices are more than the {} that a NUMA node can have",
                                   path, value.items.size(), kMaxSlots));
    } else if (has_room(devices_, value.items.size(), value.line, path, problems_)) {
      numa.devices = read_list(value, path, &Reader::read_device);
    }
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

  void read_numvfs(const Value& value, const std::string& path, DeviceDraft& device) {
    device.numvfs = {
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
    problems_.report(value.line, fmt::format("{}: {}", path, bit.error().message));
    return 0;
  }

  // A planned fault.

  void read_faults(const Value& value, const std::string& path, DeviceDraft& device) {
    if (value.kind != Value::Kind::list) {
      report_kind(value, path, "a list of faults");
    } else if (value.items.size() > kMaxPlannedFaults) {
      problems_.report(
          value.line, fmt::format("{}: {} faults are more than the {} that a device can have", path,
                                  value.items.size(), kMaxPlannedFaults));
    } else {
      device.faults = read_list(value, path, &Reader::read_fault);
    }
  }

  void read_fault(const Value& value, const std::string& path, FaultDraft& fault) {
    fault.line = value.line;
    const std::size_t before = problems_.count();
    read_fields(value, path, kFaultFields, fault);
    if (problems_.count() != before) return;
    if (!fault.kind.value) problems_.report(value.line, path + ".kind: missing");
  }

  void read_fault_kind(const Value& value, const std::string& path, FaultDraft& fault) {
    fault.kind.line = value.line;
    const auto kinds = accel::fault_kinds();
    const auto kind = std::ranges::find(kinds, value.text, &accel::FaultKind::name);
    if (value.kind == Value::Kind::text && kind != kinds.end()) {
      fault.kind.value = &*kind;
      return;
    }
    std::vector<std::string_view> names;
    std::ranges::transform(kinds, std::back_inserter(names), &accel::FaultKind::name);
    problems_.report(value.line, fmt::format("{}: {} is not a fault{}", path, described(value),
                                             suggestion(value.text, names)));
  }

  void read_fault_value(const Value& value, const std::string& path, FaultDraft& fault) {
    fault.value = {.value = real_number_of(value), .line = value.line};
    if (!fault.value.value) report_kind(value, path, "a number");
  }

  void read_vf(const Value& value, const std::string& path, FaultDraft& fault) {
    fault.vf = {
        .value = read_number(value, path, 0U, MOCK_ACCEL_MAX_VFS - 1U, "the number of a VF can be"),
        .line = value.line};
  }

  template <Given<std::chrono::milliseconds> FaultDraft::* kTime>
  void read_time(const Value& value, const std::string& path, FaultDraft& fault) {
    (fault.*kTime).line = value.line;
    if (value.kind != Value::Kind::text) {
      report_kind(value, path, "a time, such as 250ms, 30s, 5m or 2h");
      return;
    }
    const auto time = parse_time(value.text);
    if (time) {
      (fault.*kTime).value = *time;
    } else {
      problems_.report(value.line, fmt::format("{}: {}", path, time.error().message));
    }
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
  static constexpr std::array<Field<DeviceDraft>, 8> kDeviceFields = {{
      {.name = "uuid", .read = &Reader::read_uuid},
      {.name = "memory", .read = &Reader::read_device_memory},
      {.name = "vfs", .read = &Reader::read_vfs},
      {.name = "numvfs", .read = &Reader::read_numvfs},
      {.name = "vf_memory", .read = &Reader::read_vf_memory},
      {.name = "capabilities", .read = &Reader::read_capabilities},
      {.name = "slot", .read = &Reader::read_slot},
      {.name = "faults", .read = &Reader::read_faults},
  }};
  static constexpr std::array<Field<FaultDraft>, 6> kFaultFields = {{
      {.name = "kind", .read = &Reader::read_fault_kind},
      {.name = "value", .read = &Reader::read_fault_value},
      {.name = "vf", .read = &Reader::read_vf},
      {.name = "at", .read = &Reader::read_time<&FaultDraft::at>},
      {.name = "for", .read = &Reader::read_time<&FaultDraft::lasts>},
      {.name = "every", .read = &Reader::read_time<&FaultDraft::every>},
  }};

  Problems& problems_;
  std::size_t devices_ = 0;
};

}  // namespace

void Problems::report(int line, std::string message) {
  if (problems_.size() < kMaxProblems) {
    problems_.push_back({.line = line, .message = std::move(message)});
  } else {
    ++unreported_;
  }
}

std::vector<Problem> Problems::take() {
  std::ranges::sort(problems_, {},
                    [](const Problem& problem) { return std::tie(problem.line, problem.message); });
  if (unreported_ > 0) {
    problems_.push_back({.line = 0, .message = fmt::format("and {} more problems", unreported_)});
  }
  return std::exchange(problems_, {});
}

bool has_room(std::size_t& devices, std::size_t more, int line, const std::string& path,
              Problems& problems) {
  const bool had_room = devices <= kMaxDevices;
  devices += more;
  if (had_room && devices > kMaxDevices) {
    problems.report(line, fmt::format("{}: more than {} devices up to here", path, kMaxDevices));
  }
  return devices <= kMaxDevices;
}

FileDraft read_draft(const Value& root, Problems& problems) {
  return Reader(problems).read(root);
}

}  // namespace mockdev::topology
