// SPDX-License-Identifier: Apache-2.0
// The topology as a picture. Every length is in pixels of the picture.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/ranges.h>

#include "cli/topology_view.h"

namespace mockdev::cli {
namespace {

using discovery::Health;

constexpr int kMargin = 32;
constexpr int kGap = 16;      // between boxes
constexpr int kPadding = 16;  // inside boxes
constexpr int kHeading = 36;  // of a box, above its content
constexpr int kPortWidth = 148;
constexpr int kPortHeight = 28;
constexpr int kWire = 36;  // from a port to its devices
constexpr int kCardWidth = 368;
constexpr int kCardHeight = 96;
constexpr int kAccent = 5;  // the coloured edge of a card
constexpr int kVfWidth = 61;
constexpr int kVfHeight = 24;
constexpr int kVfGap = 8;
constexpr int kVfsPerRow = 5;
constexpr int kNumaWidth = kPadding + kPortWidth + kWire + kCardWidth + kPadding;
constexpr std::size_t kNumaPerRow = 2;
constexpr int kTitleHeight = 64;
constexpr int kLegendHeight = 40;

constexpr std::string_view kStyle = R"(
    text { font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; fill: #1f2328; font-size: 13px }
    .title { font-size: 22px; font-weight: 600 }
    .machine { font-size: 17px; font-weight: 600 }
    .numa { font-size: 14px; font-weight: 600; fill: #3d5a80 }
    .name { font-size: 16px; font-weight: 600 }
    .code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; fill: #57606a }
    .muted { fill: #57606a }
    .small { font-size: 11.5px }
    .mid { text-anchor: middle }
    .end { text-anchor: end }
    .page { fill: #f6f8fa }
    .box { fill: #ffffff; stroke: #d0d7de }
    .node { fill: #eef3f9; stroke: #c3d1e0 }
    .port { fill: #ffffff; stroke: #8c9bab }
    .wire { stroke: #8c9bab; stroke-width: 1.5; fill: none }
    .healthy { fill: #2da44e } .degraded { fill: #d4a72c } .failed { fill: #cf222e }
    .pill.healthy, .vf.healthy { fill: #dafbe1; stroke: #4ac26b }
    .pill.degraded, .vf.degraded { fill: #fff8c5; stroke: #d4a72c }
    .pill.failed, .vf.failed { fill: #ffebe9; stroke: #ff8182 }
    text.on-healthy { fill: #116329 } text.on-degraded { fill: #7d4e00 } text.on-failed { fill: #a40e26 }
    .box.held, .vf.held { stroke: #0969da; stroke-width: 2 }
    text.owner { fill: #0969da }
)";

// ---- Text ----

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string counted(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

bool is_allocated(const Accelerator& device) {
  return device.readings && device.readings->status == discovery::Status::allocated;
}

std::string state_of(const Accelerator& device) {
  if (!device.readings) return "does not answer";
  if (device.readings->owner) return fmt::format("owner {}", *device.readings->owner);
  return std::string(discovery::to_string(device.readings->status));
}

/// Everything about a device in one line, for the pointer that rests on it and for screen readers.
std::string tooltip(const Accelerator& device) {
  return fmt::format("{}{}: {}, {}, {}, UUID {}", device.name,
                     device.pci ? fmt::format(" at {}", *device.pci) : "", device.memory,
                     discovery::to_string(device.health), state_of(device), device.uuid);
}

/// "16 GiB, 45.0 °C, compute, encryption".
std::string properties(const Accelerator& device) {
  std::string text = to_string(device.memory);
  if (device.readings) {
    text += fmt::format("  ·  {:.1f} °C", static_cast<double>(device.readings->temperature) / 1000);
  }
  const auto names = capability_names(device.capabilities);
  if (!names.empty()) text += fmt::format("  ·  {}", fmt::join(names, ", "));
  return text;
}

// ---- Sizes ----

int vf_rows(const DeviceView& view) {
  return (static_cast<int>(view.vfs.size()) + kVfsPerRow - 1) / kVfsPerRow;
}

int height_of(const DeviceView& view) {
  const int rows = vf_rows(view);
  return kCardHeight + (rows == 0 ? 0 : rows * (kVfHeight + kVfGap) + kVfGap);
}

int height_of(const PortView& port);

/// The height of things below each other.
template <typename Things>
int stacked(const Things& things) {
  int height = 0;
  for (const auto& thing : things) height += (height == 0 ? 0 : kGap) + height_of(thing);
  return height;
}

int height_of(const PortView& port) {
  return stacked(port.devices);
}

int height_of(const NumaView& numa) {
  return kHeading + stacked(numa.ports) + kPadding;
}

/// The height of the row of NUMA nodes that begins with the one at `first`.
int row_height(const MachineView& machine, std::size_t first) {
  int height = 0;
  const std::size_t end = std::min(first + kNumaPerRow, machine.numa_nodes.size());
  for (std::size_t i = first; i < end; ++i) {
    height = std::max(height, height_of(machine.numa_nodes[i]));
  }
  return height;
}

int height_of(const MachineView& machine) {
  int height = kHeading + kPadding;
  if (machine.numa_nodes.empty()) return height + kHeading;
  for (std::size_t i = 0; i < machine.numa_nodes.size(); i += kNumaPerRow) {
    height += (i == 0 ? 0 : kGap) + row_height(machine, i);
  }
  return height;
}

int machine_width(const std::vector<MachineView>& machines) {
  std::size_t columns = 1;
  for (const MachineView& machine : machines)
    columns = std::max(columns, machine.numa_nodes.size());
  const int shown = static_cast<int>(std::min(columns, kNumaPerRow));
  return kPadding + shown * (kNumaWidth + kGap) - kGap + kPadding;
}

// ---- Drawing ----

class Picture {
 public:
  void draw(const std::vector<MachineView>& machines) {
    const int width = machine_width(machines);
    int y = kTitleHeight + kMargin;
    for (const MachineView& machine : machines) {
      draw(machine, kMargin, y, width);
      y += height_of(machine) + kGap;
    }
    y += kGap / 2;
    draw_legend(kMargin, y);
    width_ = width + 2 * kMargin;
    height_ = y + kLegendHeight;
  }

  [[nodiscard]] int width() const { return width_; }
  [[nodiscard]] int height() const { return height_; }
  [[nodiscard]] const std::string& elements() const { return elements_; }

  void rect(int x, int y, int width, int height, int radius, std::string_view style) {
    elements_ += fmt::format(R"(<rect x="{}" y="{}" width="{}" height="{}" rx="{}" class="{}"/>)"
                             "\n",
                             x, y, width, height, radius, style);
  }

  void text(int x, int y, std::string_view style, std::string_view content) {
    elements_ += fmt::format(R"(<text x="{}" y="{}" class="{}">{}</text>)"
                             "\n",
                             x, y, style, escaped(content));
  }

 private:
  /// Elements that belong together, with what they are in words.
  void begin_group(std::string_view title) {
    elements_ += fmt::format("<g><title>{}</title>\n", escaped(title));
  }
  void end_group() { elements_ += "</g>\n"; }

  void draw(const MachineView& machine, int x, int y, int width) {
    rect(x, y, width, height_of(machine), 10, "box");
    text(x + kPadding, y + 24, "machine", machine.name);
    y += kHeading;
    if (machine.numa_nodes.empty()) text(x + kPadding, y + 20, "muted", "no devices");
    for (std::size_t i = 0; i < machine.numa_nodes.size(); ++i) {
      const int column = static_cast<int>(i % kNumaPerRow);
      if (i > 0 && column == 0) y += row_height(machine, i - kNumaPerRow) + kGap;
      draw(machine.numa_nodes[i], x + kPadding + column * (kNumaWidth + kGap), y,
           row_height(machine, i - i % kNumaPerRow));
    }
  }

  void draw(const NumaView& numa, int x, int y, int height) {
    rect(x, y, kNumaWidth, height, 8, "node");
    text(x + kPadding, y + 23, "numa", name_of(numa));
    y += kHeading;
    for (const PortView& port : numa.ports) {
      draw(port, x + kPadding, y);
      y += height_of(port) + kGap;
    }
  }

  void draw(const PortView& port, int x, int y) {
    const int middle = y + kCardHeight / 2;
    rect(x, middle - kPortHeight / 2, kPortWidth, kPortHeight, kPortHeight / 2, "port");
    text(x + kPortWidth / 2, middle + 4, "code mid", port.name);
    for (const DeviceView& device : port.devices) {
      wire(x + kPortWidth, middle, x + kPortWidth + kWire, y + kCardHeight / 2);
      draw(device, x + kPortWidth + kWire, y);
      y += height_of(device) + kGap;
    }
  }

  void wire(int x1, int y1, int x2, int y2) {
    elements_ += fmt::format(R"(<path d="M{} {}H{}V{}H{}" class="wire"/>)"
                             "\n",
                             x1, y1, (x1 + x2) / 2, y2, x2);
  }

  void draw(const DeviceView& view, int x, int y) {
    const Accelerator& device = view.device;
    const auto health = discovery::to_string(device.health);
    begin_group(tooltip(device));
    rect(x, y, kCardWidth, height_of(view), 6, is_allocated(device) ? "box held" : "box");
    rect(x + 1, y + 6, kAccent, height_of(view) - 12, 2, health);
    const int left = x + kAccent + 12;
    text(left, y + 26, "name", device.name);
    if (device.pci) text(left + 76, y + 26, "code", to_string(*device.pci));
    pill(x + kCardWidth - 92, y + 10, health);
    text(left, y + 48, "code", to_string(device.uuid));
    text(left, y + 67, "small", properties(device));
    text(left, y + 84, is_allocated(device) ? "small owner" : "small muted", state_of(device));
    end_group();
    draw_vfs(view, left, y + kCardHeight);
  }

  void draw_vfs(const DeviceView& view, int x, int y) {
    for (std::size_t i = 0; i < view.vfs.size(); ++i) {
      const auto column = static_cast<int>(i % kVfsPerRow);
      const auto row = static_cast<int>(i / kVfsPerRow);
      draw_vf(view.vfs[i], x + column * (kVfWidth + kVfGap), y + row * (kVfHeight + kVfGap));
    }
  }

  void draw_vf(const Accelerator& vf, int x, int y) {
    const auto health = discovery::to_string(vf.health);
    begin_group(tooltip(vf));
    rect(x, y, kVfWidth, kVfHeight, 4,
         fmt::format("vf {}{}", health, is_allocated(vf) ? " held" : ""));
    // "mock0_vf3" below mock0 is "vf3".
    text(x + (kVfWidth / 2), y + 16, fmt::format("small mid on-{}", health),
         std::string_view(vf.name).substr(vf.name.find('_') + 1));
    end_group();
  }

  void pill(int x, int y, std::string_view health) {
    rect(x, y, 80, 22, 11, fmt::format("pill {}", health));
    text(x + 40, y + 15, fmt::format("small mid on-{}", health), health);
  }

  void draw_legend(int x, int y) {
    for (const Health health : {Health::healthy, Health::degraded, Health::failed}) {
      pill(x, y - 4, discovery::to_string(health));
      x += 80 + kGap;
    }
    rect(x, y - 3, 80, 20, 4, "box held");
    text(x + 40, y + 11, "small mid owner", "allocated");
  }

  int width_ = 0;
  int height_ = 0;
  std::string elements_;
};

struct Census {
  std::size_t devices = 0;
  std::size_t vfs = 0;
  std::array<std::size_t, 3> by_health{};  // index: the value of Health
};

Census census_of(const std::vector<MachineView>& machines) {
  Census census;
  const auto count = [&](const Accelerator& device) {
    ++census.by_health.at(static_cast<std::size_t>(device.health));
  };
  for (const MachineView& machine : machines) {
    for (const NumaView& numa : machine.numa_nodes) {
      for (const PortView& port : numa.ports) {
        for (const DeviceView& device : port.devices) {
          ++census.devices;
          census.vfs += device.vfs.size();
          count(device.device);
          std::ranges::for_each(device.vfs, count);
        }
      }
    }
  }
  return census;
}

/// The picture in words.
std::string summary(const std::vector<MachineView>& machines) {
  const Census census = census_of(machines);
  std::string text =
      fmt::format("{}, {}", counted(machines.size(), "machine"), counted(census.devices, "device"));
  if (census.vfs != 0) text += fmt::format(", {}", counted(census.vfs, "VF"));
  for (const Health health : {Health::healthy, Health::degraded, Health::failed}) {
    const std::size_t number = census.by_health.at(static_cast<std::size_t>(health));
    if (number != 0) text += fmt::format("  ·  {} {}", number, discovery::to_string(health));
  }
  return text;
}

}  // namespace

std::string tree_svg(const std::vector<MachineView>& machines) {
  Picture picture;
  picture.text(kMargin, kMargin + 22, "title", "Accelerators");
  picture.text(kMargin, kMargin + 46, "muted", summary(machines));
  picture.draw(machines);
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-labelledby="title desc">
<title id="title">Accelerators by machine, NUMA node and port</title>
<desc id="desc">{2}</desc>
<style>{3}</style>
<rect width="{0}" height="{1}" class="page"/>
{4}</svg>
)",
      picture.width(), picture.height(), escaped(summary(machines)), kStyle, picture.elements());
}

}  // namespace mockdev::cli
