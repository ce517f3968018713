// SPDX-License-Identifier: Apache-2.0
#include "dra/slices.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "accel/capabilities.h"

namespace mockdev::dra {
namespace {

using discovery::Device;
using discovery::Health;
using discovery::Kind;

constexpr std::size_t kCounterSetsPerSlice = 8;
constexpr std::size_t kCountersPerSlice = 32;  // of 1.33 and 1.34, where a set of ours has one
constexpr std::string_view kVfCounter = "vfs";

// ---- Attributes ----

std::string capability_names(std::uint32_t mask) {
  std::vector<std::string_view> names;
  for (const auto& capability : accel::kCapabilities) {
    if ((mask & capability.bit) != 0) names.push_back(capability.name);
  }
  return fmt::format("{}", fmt::join(names, ","));
}

std::optional<AttributeValue> text_unless_empty(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::optional<AttributeValue> number_if_known(std::optional<unsigned> number) {
  if (!number) return std::nullopt;
  return std::int64_t{*number};
}

std::optional<AttributeValue> numa(const Device& device) {
  return number_if_known(device.numa_node);
}

std::optional<AttributeValue> cpu_socket(const Device& device) {
  return number_if_known(device.socket);
}

std::optional<AttributeValue> address(const Device& device) {
  return to_string(device.pci);
}

/// One row an attribute. An attribute without a value is not published.
struct Attribute {
  std::string_view domain;  ///< empty: the driver's own
  std::string_view name;
  std::optional<AttributeValue> (*value)(const Device& device);
  bool SliceSettings::* published_if = nullptr;
};

constexpr std::array<Attribute, 14> kAttributes = {{
    {"resource.kubernetes.io", "pciBusID", address},
    {"resource.kubernetes.io", "pcieRoot",
     [](const Device& d) { return text_unless_empty(d.pcie_root); }},
    {"resource.kubernetes.io", "numaNode", numa},
    {"", "uuid", [](const Device& d) { return text_unless_empty(to_string(d.uuid)); }},
    {"", "memory",
     [](const Device& d) {
       return std::optional<AttributeValue>(static_cast<std::int64_t>(d.memory.value()));
     }},
    {"", "deviceType",
     [](const Device& d) { return text_unless_empty(std::string(to_string(d.kind))); }},
    {"", "pciAddress", address},
    {"", "numa_node", numa},
    {"", "numaNode", numa},
    {"", "capabilities",
     [](const Device& d) { return text_unless_empty(capability_names(d.capabilities)); }},
    {"", "physfn",
     [](const Device& d) { return text_unless_empty(device_name(d.physfn.value_or("")).text()); }},
    {"nodepartition.dra.k8s.io", "numaNode", numa, &SliceSettings::nodepartition_alias},
    {"nodepartition.dra.k8s.io", "socket", cpu_socket, &SliceSettings::socket_alias},
    {"dra.net", "numaNode", numa, &SliceSettings::dranet_alias},
}};

std::string key(const Attribute& attribute, const SliceSettings& settings) {
  if (!attribute.domain.empty()) return fmt::format("{}/{}", attribute.domain, attribute.name);
  if (settings.short_keys) return std::string(attribute.name);
  return fmt::format("{}/{}", settings.driver, attribute.name);
}

// ---- Taints ----

struct HealthTaint {
  Health health;
  std::string_view effect;
};
constexpr std::array<HealthTaint, 3> kHealthTaints = {{
    {.health = Health::degraded, .effect = "NoSchedule"},
    {.health = Health::failed, .effect = "NoExecute"},
    // A kernel module that is replaced takes all devices away for a moment: no reason to evict.
    {.health = Health::gone, .effect = "NoSchedule"},
}};

std::vector<Taint> taints(const Device& device, const SliceSettings& settings) {
  for (const HealthTaint& taint : kHealthTaints) {
    if (taint.health != device.health) continue;
    return {{.key = fmt::format("{}/health", settings.driver),
             .value = std::string(to_string(device.health)),
             .effect = std::string(taint.effect)}};
  }
  return {};
}

// ---- Counters: a PF or its VFs ----

bool has_vfs(const Device& device) {
  return device.kind == Kind::pf && device.vfs.enabled > 0;
}

std::string counter_set_name(std::string_view pf) {
  return device_name(pf).text() + "-vfs";
}

/// A VF takes one of the slots of its PF, the PF takes all of them.
std::vector<CounterUse> consumption(const Device& device, const std::set<std::string>& pfs) {
  const bool is_pf = has_vfs(device);
  const std::string pf = is_pf ? device.name : device.physfn.value_or("");
  if (!pfs.contains(pf)) return {};
  return {{.counter_set = counter_set_name(pf),
           .counter = std::string(kVfCounter),
           .amount = is_pf ? device.vfs.enabled : 1}};
}

CounterSet counter_set(const Device& pf) {
  return {.name = counter_set_name(pf.name),
          .counters = {{std::string(kVfCounter), pf.vfs.enabled}}};
}

// ---- Slices ----

/// Devices that must stand in one slice, with what they share.
struct Group {
  std::vector<SliceDevice> devices;
  std::vector<CounterSet> counter_sets;
};

bool has_extras(const Group& group) {
  return std::ranges::any_of(group.devices, [](const SliceDevice& device) {
    return !device.taints.empty() || !device.consumes.empty();
  });
}

/// As few slices as the limits allow, without changing the order. A pool is read by the scheduler
/// only when it is complete, and by some readers only if it is one slice.
std::vector<Slice> pack(std::vector<Group> groups, const SliceFeatures& features) {
  const std::size_t limit = std::ranges::any_of(groups, has_extras)
                                ? features.devices_per_slice_with_extras
                                : features.devices_per_slice;
  std::vector<Slice> slices;
  for (Group& group : groups) {
    const bool fits =
        !slices.empty() && slices.back().devices.size() + group.devices.size() <= limit &&
        slices.back().counter_sets.size() + group.counter_sets.size() <= kCountersPerSlice;
    if (!fits) slices.emplace_back();
    Slice& slice = slices.back();
    std::ranges::move(group.devices, std::back_inserter(slice.devices));
    std::ranges::move(group.counter_sets, std::back_inserter(slice.counter_sets));
  }
  return slices;
}

/// Slices of counter sets alone.
std::vector<Slice> counter_slices(std::vector<CounterSet> sets) {
  std::vector<Slice> slices;
  for (CounterSet& set : sets) {
    if (slices.empty() || slices.back().counter_sets.size() == kCounterSetsPerSlice) {
      slices.emplace_back();
    }
    slices.back().counter_sets.push_back(std::move(set));
  }
  return slices;
}

std::vector<Slice> make_slices(const std::vector<const Device*>& devices,
                               const SliceSettings& settings, const SliceFeatures& features) {
  std::set<std::string> pfs;
  std::vector<CounterSet> sets;
  if (features.counters != CounterSupport::none) {
    for (const Device* device : devices) {
      if (!has_vfs(*device)) continue;
      pfs.insert(device->name);
      sets.push_back(counter_set(*device));
    }
  }
  const bool together = features.counters == CounterSupport::same_slice;
  std::vector<Group> groups;
  std::map<std::string, std::size_t> group_of;  // by counter set
  for (const Device* device : devices) {
    SliceDevice published{.name = device_name(device->name),
                          .attributes = attributes_of(*device, settings),
                          .capacity = {{"memory", device->memory.value()}},
                          .consumes = consumption(*device, pfs),
                          .taints = {}};
    if (features.taints) published.taints = taints(*device, settings);
    std::size_t index = groups.size();
    if (together && !published.consumes.empty()) {
      index = group_of.try_emplace(published.consumes.front().counter_set, index).first->second;
    }
    if (index == groups.size()) groups.emplace_back();
    if (together && pfs.contains(device->name)) {
      groups[index].counter_sets.push_back(counter_set(*device));
    }
    groups[index].devices.push_back(std::move(published));
  }
  std::vector<Slice> slices;
  if (!together) slices = counter_slices(std::move(sets));
  std::ranges::move(pack(std::move(groups), features), std::back_inserter(slices));
  return slices;
}

}  // namespace

SliceFeatures slice_features(std::string_view api_version, int minor) {
  constexpr int kFirstWithExtras = 33;
  constexpr int kFirstWithOwnSlices = 35;
  const bool old_form = api_version == "v1alpha3" || minor < kFirstWithExtras;
  if (old_form) return {.taints = false, .counters = CounterSupport::none};
  if (minor < kFirstWithOwnSlices) {
    return {.counters = CounterSupport::same_slice, .devices_per_slice_with_extras = 128};
  }
  return {};
}

DeviceName device_name(std::string_view kernel_name) {
  std::string label(kernel_name);
  std::ranges::replace(label, '_', '-');
  return DeviceName(std::move(label));
}

std::map<std::string, AttributeValue> attributes_of(const Device& device,
                                                    const SliceSettings& settings) {
  std::map<std::string, AttributeValue> all;
  for (const Attribute& attribute : kAttributes) {
    if (attribute.published_if != nullptr && !(settings.*attribute.published_if)) continue;
    if (auto value = attribute.value(device)) all.emplace(key(attribute, settings), *value);
  }
  return all;
}

PoolName pool_name(const SliceSettings& settings, const Device& device) {
  if (!device.numa_node) {
    return PoolName(settings.short_pool_names ? "numa-none" : settings.node.text());
  }
  std::string numa = fmt::format("numa{}", *device.numa_node);
  if (settings.short_pool_names) return PoolName(std::move(numa));
  return PoolName(fmt::format("{}/{}", settings.node, numa));
}

bool speaks_abi(const Device& device) {
  return device.abi_version >= kOldestAbi && device.abi_version <= kNewestAbi;
}

bool is_offered(const Device& device, const SliceFeatures& features) {
  if (!speaks_abi(device)) return false;
  if (has_vfs(device) && features.counters == CounterSupport::none) return false;
  const bool works = device.health == Health::healthy || device.health == Health::degraded;
  return works || features.taints;
}

std::vector<Pool> make_pools(const std::vector<Device>& devices, const SliceSettings& settings,
                             const SliceFeatures& features) {
  std::map<PoolName, std::vector<const Device*>> by_pool;
  for (const Device& device : devices) {
    if (is_offered(device, features)) by_pool[pool_name(settings, device)].push_back(&device);
  }
  std::vector<Pool> pools;
  for (const auto& [name, members] : by_pool) {
    pools.push_back({.name = name, .slices = make_slices(members, settings, features)});
  }
  return pools;
}

}  // namespace mockdev::dra
