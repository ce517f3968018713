// SPDX-License-Identifier: Apache-2.0
#include "cli/topology_view.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace mockdev::cli {
namespace {

// ---- Arranging ----

/// The element of `views` that `is_it` finds, or a new one at the end. Listings are sorted, so the
/// search begins with the newest.
template <typename View, typename IsIt>
View& find_or_add(std::vector<View>& views, IsIt is_it, View fresh) {
  const auto found = std::find_if(views.rbegin(), views.rend(), is_it);
  return found != views.rend() ? *found : views.emplace_back(std::move(fresh));
}

std::string port_name(const Accelerator& device) {
  if (device.port) return fmt::format("port {}", *device.port);
  if (device.slot) return fmt::format("slot {}", *device.slot);
  return "root bus";
}

/// A device's machine and name.
using Identity = std::pair<std::optional<std::string>, std::string>;

/// Which VFs stand below which PF of a listing.
class Families {
 public:
  explicit Families(const Listing& listing) {
    for (const Accelerator& device : listing.devices) names_.emplace(device.node, device.name);
    for (const Accelerator& device : listing.devices) {
      if (has_pf(device)) vfs_[{device.node, *device.physfn}].push_back(device);
    }
  }

  /// Whether a device is a VF of another one in the listing.
  [[nodiscard]] bool has_pf(const Accelerator& device) const {
    return device.physfn && names_.contains({device.node, *device.physfn});
  }

  [[nodiscard]] std::vector<Accelerator> vfs_of(const Accelerator& pf) const {
    const auto found = vfs_.find({pf.node, pf.name});
    return found == vfs_.end() ? std::vector<Accelerator>{} : found->second;
  }

 private:
  std::set<Identity> names_;
  std::map<Identity, std::vector<Accelerator>> vfs_;
};

void place(std::vector<MachineView>& machines, const std::string& machine_name, DeviceView view) {
  const Accelerator& device = view.device;
  MachineView& machine = find_or_add(
      machines, [&](const auto& candidate) { return candidate.name == machine_name; },
      MachineView{.name = machine_name, .numa_nodes = {}});
  NumaView& numa = find_or_add(
      machine.numa_nodes, [&](const auto& candidate) { return candidate.id == device.numa_node; },
      NumaView{.id = device.numa_node, .ports = {}});
  const std::string wanted = port_name(device);
  PortView& port = find_or_add(
      numa.ports, [&](const auto& candidate) { return candidate.name == wanted; },
      PortView{.name = wanted, .devices = {}});
  port.devices.push_back(std::move(view));
}

/// Ports come in the order of their addresses or slots, devices that are near to no node last.
void sort(std::vector<MachineView>& machines) {
  constexpr unsigned kLast = std::numeric_limits<unsigned>::max();
  const auto numa_id = [=](const NumaView& numa) { return numa.id.value_or(kLast); };
  const auto place_of = [](const PortView& port) {
    const Accelerator& first = port.devices.front().device;
    return std::pair(first.port, first.slot);
  };
  for (MachineView& machine : machines) {
    std::ranges::sort(machine.numa_nodes, {}, numa_id);
    for (NumaView& numa : machine.numa_nodes) std::ranges::stable_sort(numa.ports, {}, place_of);
  }
}

// ---- Text ----

struct TreeStyle {
  std::string_view branch, last, line, blank;  // 3 columns each
};
constexpr TreeStyle kUnicodeStyle = {.branch = "├─ ", .last = "└─ ", .line = "│  ", .blank = "   "};
constexpr TreeStyle kAsciiStyle = {.branch = "|- ", .last = "`- ", .line = "|  ", .blank = "   "};
constexpr std::size_t kIndent = 3;

struct TreeNode {
  std::vector<Cell> cells;  ///< the first beside the branch, the others in columns
  std::vector<TreeNode> children;
};

/// Of a device that answers: "free" or "allocated".
std::string status_text(const Accelerator& device) {
  return device.readings ? std::string(to_string(device.readings->status)) : "";
}

TreeNode leaf(const Accelerator& device) {
  return {.cells = {{device.name},
                    {device.pci ? to_string(*device.pci) : "", Color::plain},
                    {to_string(device.memory)},
                    {std::string(to_string(device.health)), color_of(device.health)},
                    {status_text(device)},
                    {to_string(device.uuid), Color::dim}},
          .children = {}};
}

TreeNode node_of(const DeviceView& view) {
  TreeNode node = leaf(view.device);
  for (const Accelerator& vf : view.vfs) node.children.push_back(leaf(vf));
  return node;
}

TreeNode node_of(const PortView& port) {
  TreeNode node{.cells = {{port.name}}, .children = {}};
  for (const DeviceView& device : port.devices) node.children.push_back(node_of(device));
  return node;
}

TreeNode node_of(const NumaView& numa) {
  TreeNode node{.cells = {{name_of(numa)}}, .children = {}};
  for (const PortView& port : numa.ports) node.children.push_back(node_of(port));
  return node;
}

TreeNode node_of(const MachineView& machine) {
  TreeNode node{.cells = {{machine.name, Color::bold}}, .children = {}};
  for (const NumaView& numa : machine.numa_nodes) node.children.push_back(node_of(numa));
  if (node.children.empty()) node.children.push_back({.cells = {{"no devices"}}, .children = {}});
  return node;
}

/// How wide each column of the lines with columns is; the first includes the branches.
void measure(const TreeNode& node, std::size_t depth, std::vector<std::size_t>& widths) {
  const std::size_t columns = node.cells.size() > 1 ? node.cells.size() : 0;
  widths.resize(std::max(widths.size(), columns));
  for (std::size_t i = 0; i < columns; ++i) {
    const std::size_t indent = i == 0 ? depth * kIndent : 0;
    widths[i] = std::max(widths[i], indent + node.cells[i].text.size());
  }
  for (const TreeNode& child : node.children) measure(child, depth + 1, widths);
}

struct TreePrinter {
  const TreeStyle& style;
  Looks looks;
  std::vector<std::size_t> widths;
  std::string text = {};

  void line(const TreeNode& node, std::size_t depth) {
    std::size_t blanks = 0;
    for (std::size_t i = 0; i < node.cells.size(); ++i) {
      // A column that is empty everywhere is left out.
      if (i > 0 && widths[i] == 0) continue;
      const Cell& cell = node.cells[i];
      const std::string shown = printable(cell.text);
      text += std::string(blanks, ' ') + paint(shown, cell.color, looks);
      if (i + 1 == node.cells.size()) break;
      blanks = widths[i] + 2 - shown.size() - (i == 0 ? depth * kIndent : 0);
    }
    text += '\n';
  }

  void children(const TreeNode& node, std::size_t depth, const std::string& before) {
    for (const TreeNode& child : node.children) {
      const bool last = &child == &node.children.back();
      text += before;
      text += last ? style.last : style.branch;
      line(child, depth + 1);
      children(child, depth + 1, before + std::string(last ? style.blank : style.line));
    }
  }
};

// ---- Documents ----

Document document_of(const DeviceView& view) {
  Document document = to_document(view.device);
  Document vfs = Document::array();
  for (const Accelerator& vf : view.vfs) vfs.push_back(to_document(vf));
  document["vfs"] = std::move(vfs);
  return document;
}

Document document_of(const PortView& port) {
  Document devices = Document::array();
  for (const DeviceView& device : port.devices) devices.push_back(document_of(device));
  return {{"name", port.name}, {"devices", std::move(devices)}};
}

Document document_of(const NumaView& numa) {
  Document ports = Document::array();
  for (const PortView& port : numa.ports) ports.push_back(document_of(port));
  return {{"numa", numa.id ? Document(*numa.id) : Document(nullptr)}, {"ports", std::move(ports)}};
}

Document document_of(const MachineView& machine) {
  Document numa_nodes = Document::array();
  for (const NumaView& numa : machine.numa_nodes) numa_nodes.push_back(document_of(numa));
  return {{"name", machine.name}, {"numa_nodes", std::move(numa_nodes)}};
}

}  // namespace

std::vector<MachineView> arrange(const Listing& listing) {
  std::vector<MachineView> machines;
  if (!listing.from_server) machines.push_back({.name = listing.machine, .numa_nodes = {}});
  const Families families(listing);
  for (const Accelerator& device : listing.devices) {
    if (families.has_pf(device)) continue;
    place(machines, device.node.value_or(listing.machine),
          {.device = device, .vfs = families.vfs_of(device)});
  }
  sort(machines);
  return machines;
}

std::string name_of(const NumaView& numa) {
  return numa.id ? fmt::format("NUMA node {}", *numa.id) : "no NUMA node";
}

Color color_of(discovery::Health health) {
  // Index: the value of Health.
  constexpr std::array<Color, 3> kColors = {Color::green, Color::yellow, Color::red};
  return kColors.at(static_cast<std::size_t>(health));
}

std::string tree_text(const std::vector<MachineView>& machines, Looks looks) {
  std::vector<TreeNode> roots;
  for (const MachineView& machine : machines) roots.push_back(node_of(machine));
  TreePrinter printer{
      .style = looks.unicode ? kUnicodeStyle : kAsciiStyle, .looks = looks, .widths = {}};
  for (const TreeNode& root : roots) measure(root, 0, printer.widths);
  for (const TreeNode& root : roots) {
    printer.line(root, 0);
    printer.children(root, 0, "");
  }
  return printer.text;
}

Document tree_document(const std::vector<MachineView>& machines) {
  Document list = Document::array();
  for (const MachineView& machine : machines) list.push_back(document_of(machine));
  return {{"machines", std::move(list)}};
}

}  // namespace mockdev::cli
