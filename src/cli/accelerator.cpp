// SPDX-License-Identifier: Apache-2.0
#include "cli/accelerator.h"

#include <array>
#include <concepts>
#include <limits>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "accel/capabilities.h"

namespace mockdev::cli {
namespace {

using nlohmann::json;

// ---- Documents ----

/// The value, or null.
template <typename T>
Document or_null(const std::optional<T>& value) {
  if (!value) return nullptr;
  if constexpr (requires { Document(*value); }) {
    return *value;
  } else {
    return to_string(*value);
  }
}

// ---- What the server says ----

template <std::integral Number>
Result<Number> as(const json& value)
  requires(!std::same_as<Number, bool>)
{
  const auto fits = [](auto number) { return std::in_range<Number>(number); };
  if (value.is_number_unsigned() && fits(value.get<std::uint64_t>())) return value.get<Number>();
  if (value.is_number_integer() && !value.is_number_unsigned() && fits(value.get<std::int64_t>())) {
    return value.get<Number>();
  }
  return fail("{} is not a whole number from {} to {}", value.dump(),
              std::numeric_limits<Number>::min(), std::numeric_limits<Number>::max());
}

Result<std::string> as_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return fail("{} is not a text", value.dump());
}

/// A text that `parse` understands.
template <typename T>
Result<T> as_parsed(const json& value, Result<T> (*parse)(std::string_view)) {
  const auto text = as_text(value);
  if (!text) return std::unexpected(text.error());
  return parse(*text);
}

Result<std::uint32_t> capability_bit(std::string_view name) {
  for (const auto& capability : accel::kCapabilities) {
    if (capability.name == name) return capability.bit;
  }
  return fail("\"{}\" is not a capability", name);
}

Result<std::uint32_t> as_capabilities(const json& value) {
  if (!value.is_array()) return fail("{} is not a list", value.dump());
  std::uint32_t mask = 0;
  for (const json& element : value) {
    const auto bit = as_parsed(element, capability_bit);
    if (!bit) return std::unexpected(bit.error());
    mask |= *bit;
  }
  return mask;
}

Result<std::vector<std::string>> as_texts(const json& value) {
  if (!value.is_array()) return fail("{} is not a list", value.dump());
  std::vector<std::string> texts;
  for (const json& element : value) {
    auto text = as_text(element);
    if (!text) return std::unexpected(text.error());
    texts.push_back(std::move(*text));
  }
  return texts;
}

/// How many elements a list has.
Result<unsigned> as_count(const json& value) {
  if (!value.is_array()) return fail("{} is not a list", value.dump());
  return static_cast<unsigned>(value.size());
}

Result<bool> as_bool(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  return fail("{} is neither true nor false", value.dump());
}

/// Stores a value in `into`, or hands on why there is none.
template <typename T, typename Into>
Result<void> store(Result<T> value, Into& into) {
  if (!value) return std::unexpected(value.error());
  into = Into(std::move(*value));
  return {};
}

/// One row a member of a device in the server's list: what it becomes.
struct Member {
  const char* name;
  Result<void> (*read)(const json& value, Accelerator& into);
};

/// Of PFs and VFs.
constexpr std::array<Member, 9> kMembers = {{
    {"name", [](auto& v, auto& a) { return store(as_text(v), a.name); }},
    {"uuid", [](auto& v, auto& a) { return store(as_parsed(v, parse_uuid), a.uuid); }},
    {"memory", [](auto& v, auto& a) { return store(as<std::uint64_t>(v), a.memory); }},
    {"status",
     [](auto& v, auto& a) {
       return store(as_parsed(v, discovery::parse_status), a.readings->status);
     }},
    {"owner",
     [](auto& v, auto& a) {
       return v.is_null() ? Result<void>{} : store(as_parsed(v, parse_uuid), a.readings->owner);
     }},
    {"health",
     [](auto& v, auto& a) { return store(as_parsed(v, discovery::parse_health), a.health); }},
    {"temperature",
     [](auto& v, auto& a) { return store(as<std::int32_t>(v), a.readings->temperature); }},
    {"error_count",
     [](auto& v, auto& a) { return store(as<std::uint32_t>(v), a.readings->error_count); }},
    {"faults", [](auto& v, auto& a) { return store(as_texts(v), a.faults); }},
}};

/// Of PFs alone; what a VF's are follows from them.
constexpr std::array<Member, 8> kPfMembers = {{
    {"node", [](auto& v, auto& a) { return store(as_text(v), a.node); }},
    {"numa", [](auto& v, auto& a) { return store(as<unsigned>(v), a.numa_node); }},
    {"slot", [](auto& v, auto& a) { return store(as<unsigned>(v), a.slot); }},
    {"capabilities", [](auto& v, auto& a) { return store(as_capabilities(v), a.capabilities); }},
    {"vfs", [](auto& v, auto& a) { return store(as<unsigned>(v), a.vfs.total); }},
    {"connected", [](auto& v, auto& a) { return store(as_bool(v), a.connected); }},
    {"plugged", [](auto& v, auto& a) { return store(as_bool(v), a.plugged); }},
    {"enabled_vfs", [](auto& v, auto& a) { return store(as_count(v), a.vfs.enabled); }},
}};

Result<void> read_members(const json& element, std::span<const Member> members,
                          Accelerator& accelerator) {
  for (const Member& member : members) {
    const auto found = element.find(member.name);
    if (found == element.end()) return fail("{} is missing", member.name);
    if (auto read = member.read(*found, accelerator); !read) {
      return with_context(member.name, read.error());
    }
  }
  return {};
}

}  // namespace

std::string qualified_name(const Accelerator& accelerator) {
  return accelerator.node ? *accelerator.node + "/" + accelerator.name : accelerator.name;
}

std::vector<std::string> capability_names(std::uint32_t mask) {
  std::vector<std::string> names;
  for (const auto& capability : accel::kCapabilities) {
    if ((mask & capability.bit) != 0) names.emplace_back(capability.name);
    mask &= ~capability.bit;
  }
  for (unsigned bit = 0; mask != 0; ++bit, mask >>= 1U) {
    if ((mask & 1U) != 0) names.push_back(fmt::format("bit{}", bit));
  }
  return names;
}

std::string temperature_text(std::int32_t millidegrees) {
  return fmt::format("{:.1f} C", static_cast<double>(millidegrees) / 1000);
}

Document to_document(const Accelerator& a) {
  const auto reading = [&](auto member) -> Document {
    return a.readings ? Document(member(*a.readings)) : Document(nullptr);
  };
  return {
      {"node", or_null(a.node)},
      {"name", a.name},
      {"type", discovery::to_string(a.kind)},
      {"numa", or_null(a.numa_node)},
      {"pci", or_null(a.pci)},
      {"port", or_null(a.port)},
      {"slot", or_null(a.slot)},
      {"physfn", or_null(a.physfn)},
      {"uuid", to_string(a.uuid)},
      {"memory", a.memory.value()},
      {"capabilities", capability_names(a.capabilities)},
      {"status", reading([](const auto& r) { return discovery::to_string(r.status); })},
      {"owner", reading([](const auto& r) { return or_null(r.owner); })},
      {"health", discovery::to_string(a.health)},
      {"temperature", reading([](const auto& r) { return r.temperature; })},
      {"error_count", reading([](const auto& r) { return r.error_count; })},
      {"fw_version", or_null(a.fw_version)},
      {"abi_version", or_null(a.abi_version)},
      {"total_vfs", a.vfs.total},
      {"enabled_vfs", a.vfs.enabled},
      {"connected", or_null(a.connected)},
      {"plugged", or_null(a.plugged)},
      {"faults", a.faults},
  };
}

Accelerator from_kernel(const discovery::Device& device) {
  return {
      .node = std::nullopt,
      .name = device.name,
      .kind = device.kind,
      .numa_node = device.numa_node,
      .pci = device.pci,
      .port = device.port,
      .slot = std::nullopt,
      .physfn = device.physfn,
      .uuid = device.uuid,
      .memory = device.memory,
      .capabilities = device.capabilities,
      .health = device.health,
      .readings = device.readings,
      .fw_version = device.fw_version,
      .abi_version = device.abi_version,
      .vfs = device.vfs,
      .connected = std::nullopt,
      .plugged = std::nullopt,
      .faults = {},
  };
}

Result<Accelerator> from_server(const json& element) {
  Accelerator accelerator;
  accelerator.readings.emplace();
  for (const std::span<const Member> members :
       {std::span<const Member>(kMembers), std::span<const Member>(kPfMembers)}) {
    if (auto read = read_members(element, members, accelerator); !read) {
      return std::unexpected(read.error());
    }
  }
  return accelerator;
}

Result<std::vector<Accelerator>> vfs_from_server(const json& element, const Accelerator& pf) {
  std::vector<Accelerator> vfs;
  for (const json& vf_element : element.at("enabled_vfs")) {
    Accelerator vf = pf;
    vf.kind = discovery::Kind::vf;
    vf.physfn = pf.name;
    vf.vfs = {};
    vf.readings.emplace();
    if (auto read = read_members(vf_element, kMembers, vf); !read) {
      return with_context(fmt::format("enabled_vfs[{}]", vfs.size()), read.error());
    }
    vfs.push_back(std::move(vf));
  }
  return vfs;
}

}  // namespace mockdev::cli
