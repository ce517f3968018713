// SPDX-License-Identifier: Apache-2.0
#include "discovery/discovery.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/file.h"

namespace mockdev::discovery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kClass = "class/mock-accel";
constexpr const char* kOwner = "owner";
constexpr ByteCount kAttributeLimit = 4_KiB;  // sysfs gives a page at most

// ---- Values ----

template <typename Number>
Result<Number> parse_number(std::string_view text, int base) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error == std::errc{} && rest == end) return number;
  return fail("\"{}\" is not a number from {} to {}", text, std::numeric_limits<Number>::min(),
              std::numeric_limits<Number>::max());
}

template <typename Number>
Result<Number> parse_decimal(std::string_view text) {
  return parse_number<Number>(text, 10);
}

Result<std::uint32_t> parse_mask(std::string_view text) {
  if (!text.starts_with("0x")) return fail("\"{}\" is not a hexadecimal mask, such as 0x3", text);
  return parse_number<std::uint32_t>(text.substr(2), 16);
}

/// The kernel spells the status as the register's number.
Result<Status> parse_status_number(std::string_view text) {
  if (text == "0") return Status::free;
  if (text == "1") return Status::allocated;
  return fail("\"{}\" is neither 0 (free) nor 1 (allocated)", text);
}

Result<std::string> parse_word(std::string_view text) {
  const auto plain = [](char c) { return c > ' ' && c <= '~'; };
  if (text.empty() || !std::ranges::all_of(text, plain)) return fail("\"{}\" is not a word", text);
  return std::string(text);
}

// ---- Attributes ----

/// Stores a parsed value in `into`, or hands on why there is none.
template <typename T, typename Into>
Result<void> store(Result<T> value, Into& into) {
  if (!value) return std::unexpected(value.error());
  into = Into(std::move(*value));
  return {};
}

/// As store, but `none` is the text for no value, which `into` then keeps.
template <typename T, typename Into>
Result<void> store_unless(std::string_view none, std::string_view text,
                          Result<T> (*parse)(std::string_view), std::optional<Into>& into) {
  if (text == none) return {};
  return store(parse(text), into);
}

/// One row an attribute file: how its text, without the newline, becomes a part of a `Part`.
template <typename Part>
struct Attribute {
  const char* name;
  Result<void> (*parse)(std::string_view text, Part& part);
};

/// What the driver knows of a device, whether that answers or not.
constexpr std::array<Attribute<Device>, 8> kIdentity = {{
    {"device_type", [](auto text, auto& d) { return store(parse_kind(text), d.kind); }},
    {"uuid", [](auto text, auto& d) { return store(parse_uuid(text), d.uuid); }},
    {"memory_size",
     [](auto text, auto& d) { return store(parse_decimal<std::uint64_t>(text), d.memory); }},
    {"capabilities", [](auto text, auto& d) { return store(parse_mask(text), d.capabilities); }},
    {"numa_node",
     [](auto text, auto& d) {
       return store_unless("-1", text, parse_decimal<unsigned>, d.numa_node);
     }},
    {"fw_version", [](auto text, auto& d) { return store(parse_word(text), d.fw_version); }},
    {"abi_version",
     [](auto text, auto& d) { return store(parse_decimal<unsigned>(text), d.abi_version); }},
    {"health", [](auto text, auto& d) { return store(parse_health(text), d.health); }},
}};

/// What the device itself has to answer.
constexpr std::array<Attribute<Readings>, 4> kReadings = {{
    {"status", [](auto text, auto& r) { return store(parse_status_number(text), r.status); }},
    {kOwner, [](auto text, auto& r) { return store_unless("", text, parse_uuid, r.owner); }},
    {"temperature",
     [](auto text, auto& r) { return store(parse_decimal<std::int32_t>(text), r.temperature); }},
    {"error_count",
     [](auto text, auto& r) { return store(parse_decimal<std::uint32_t>(text), r.error_count); }},
}};

constexpr std::array<Attribute<Vfs>, 2> kSriov = {{
    {"sriov_totalvfs",
     [](auto text, auto& v) { return store(parse_decimal<unsigned>(text), v.total); }},
    {"sriov_numvfs",
     [](auto text, auto& v) { return store(parse_decimal<unsigned>(text), v.enabled); }},
}};

/// The text of an attribute, without its newline.
Result<std::string> attribute_text(const fs::path& folder, const char* name) {
  auto text = read_file(folder / name, kAttributeLimit);
  if (text && text->ends_with('\n')) text->pop_back();
  return text;
}

template <typename Part, std::size_t count>
Result<void> read_attributes(const fs::path& folder,
                             const std::array<Attribute<Part>, count>& attributes, Part& part) {
  for (const Attribute<Part>& attribute : attributes) {
    const auto text = attribute_text(folder, attribute.name);
    if (!text) return std::unexpected(text.error());
    if (auto parsed = attribute.parse(*text, part); !parsed) {
      return with_context(attribute.name, parsed.error());
    }
  }
  return {};
}

/// Whether the device answers its driver. One that does not has failed, and the driver says so.
bool answers(const fs::path& folder, const Device& device) {
  return device.health != Health::failed || attribute_text(folder, kReadings.front().name);
}

// ---- The machine ----

/// The CPU sockets of NUMA nodes, each looked up once.
class Sockets {
 public:
  explicit Sockets(const fs::path& sysfs) : system_(sysfs / "devices" / "system") {}

  std::optional<unsigned> of(std::optional<unsigned> node) {
    if (!node) return std::nullopt;
    const auto [known, is_new] = sockets_.try_emplace(*node);
    if (is_new) known->second = look_up(*node);
    return known->second;
  }

 private:
  [[nodiscard]] std::optional<unsigned> look_up(unsigned node) const {
    const auto cpus =
        attribute_text(system_ / "node" / fmt::format("node{}", node), "cpulist");  // "0-3,8"
    if (!cpus) return std::nullopt;
    const auto first = parse_decimal<unsigned>(cpus->substr(0, cpus->find_first_of("-,")));
    if (!first) return std::nullopt;
    const auto package = attribute_text(system_ / "cpu" / fmt::format("cpu{}", *first),
                                        "topology/physical_package_id");
    const auto socket = package ? parse_decimal<unsigned>(*package) : fail("no socket");
    return socket ? std::optional(*socket) : std::nullopt;
  }

  fs::path system_;
  std::map<unsigned, std::optional<unsigned>> sockets_;
};

// ---- Links ----

/// The folder of the nearest root bus above a function: "pci0000:00". Empty: there is none.
std::string nearest_root(fs::path function) {
  while (function.has_relative_path()) {
    const std::string name = function.filename().native();
    if (name.starts_with("pci") && name.find(':') != std::string::npos) return name;
    function = function.parent_path();
  }
  return {};
}

/// The device's own address, that of the port above and the root, from where its PCI function
/// stands: /sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0.
Result<void> read_pci_address(const fs::path& folder, Device& device) {
  std::error_code error;
  const fs::path function = fs::canonical(folder / "device", error);
  if (error) return fail("{}: {}", (folder / "device").native(), error.message());
  const auto pci = parse_bdf(function.filename().native());
  if (!pci) return with_context("device", pci.error());
  device.pci = *pci;
  // Straight on a root bus the folder above is "pci0000:00", which is no address.
  if (const auto port = parse_bdf(function.parent_path().filename().native())) device.port = *port;
  device.pcie_root = nearest_root(function);
  return {};
}

/// The name of a VF's PF. A VF whose PF another driver has, has none.
std::optional<std::string> physfn_name(const fs::path& folder) {
  std::error_code error;
  const fs::path target = fs::read_symlink(folder / "physfn", error);
  if (error) return std::nullopt;
  return target.filename().native();
}

// ---- Devices ----

Result<Device> read_device(const fs::path& folder) {
  Device device;
  device.name = folder.filename().native();
  const auto read = [&]() -> Result<void> {
    if (auto identity = read_attributes(folder, kIdentity, device); !identity) return identity;
    if (auto address = read_pci_address(folder, device); !address) return address;
    if (device.kind == Kind::vf) {
      device.physfn = physfn_name(folder);
    } else if (auto sriov = read_attributes(folder, kSriov, device.vfs); !sriov) {
      return sriov;
    }
    if (!answers(folder, device)) return {};
    return read_attributes(folder, kReadings, device.readings.emplace());
  };
  if (auto done = read(); !done) return std::unexpected(done.error());
  return device;
}

/// Orders names by the numbers in them: "mock2" before "mock10" before "mock10_vf0".
bool name_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!a.empty() && !b.empty()) {
    const auto a_digits = std::ranges::find_if_not(a, is_digit) - a.begin();
    const auto b_digits = std::ranges::find_if_not(b, is_digit) - b.begin();
    const bool numbers = a_digits > 0 && b_digits > 0;
    if (numbers && a_digits != b_digits) return a_digits < b_digits;
    if (a.front() != b.front()) return a.front() < b.front();
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return a.size() < b.size();
}

/// The names in the class folder; a folder that can't be read is a problem.
std::vector<std::string> device_names(const fs::path& folder, Inventory& inventory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  inventory.module_loaded = error != std::errc::no_such_file_or_directory;
  while (!error && entry != fs::directory_iterator{}) {
    names.push_back(entry->path().filename().native());
    entry.increment(error);
  }
  if (error && inventory.module_loaded) {
    inventory.problems.push_back(
        {.device = "", .message = fmt::format("{}: {}", folder.native(), error.message())});
  }
  std::ranges::sort(names, name_less);
  return names;
}

}  // namespace

Inventory discover(const fs::path& sysfs, const NameFilter& wanted) {
  const fs::path class_folder = sysfs / kClass;
  Inventory inventory;
  Sockets sockets(sysfs);
  for (const std::string& name : device_names(class_folder, inventory)) {
    if (wanted && !wanted(name)) continue;
    auto device = read_device(class_folder / name);
    if (device) {
      device->socket = sockets.of(device->numa_node);
      inventory.devices.push_back(std::move(*device));
      continue;
    }
    // The kernel takes the link in the class folder away before it takes a device's attributes, so
    // that a link which is still there belongs to a device that ought to be readable.
    std::error_code ignored;
    if (!fs::is_symlink(class_folder / name, ignored)) continue;
    inventory.problems.push_back({.device = name, .message = std::move(device.error().message)});
  }
  return inventory;
}

std::vector<Held> held_devices(const fs::path& sysfs) {
  const fs::path class_folder = sysfs / kClass;
  Inventory ignored;
  std::vector<Held> held;
  for (std::string& name : device_names(class_folder, ignored)) {
    const auto text = attribute_text(class_folder / name, kOwner);
    const auto owner = text ? parse_uuid(*text) : std::unexpected(text.error());
    if (owner) held.push_back({.device = std::move(name), .owner = *owner});
  }
  return held;
}

}  // namespace mockdev::discovery
