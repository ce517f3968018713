// SPDX-License-Identifier: Apache-2.0
#include "cli/topology_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/testing_devices.h"

namespace mockdev::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

Listing two_numa_nodes() {
  Listing listing{.machine = "guest", .devices = {}, .problems = {}};
  listing.devices = {kernel_device("mock0", 0, "0000:10:00.0", "0000:11:00.0"),
                     kernel_vf("mock0_vf0", "mock0", "0000:11:00.1"),
                     kernel_vf("mock0_vf1", "mock0", "0000:11:00.2"),
                     kernel_device("mock1", 1, "0000:20:00.0", "0000:21:00.0")};
  return listing;
}

TEST(Tree, ShowsWhereEachDeviceStands) {
  EXPECT_EQ(tree_text(arrange(two_numa_nodes()), {.unicode = true}),
            "guest\n"
            "├─ NUMA node 0\n"
            "│  └─ port 0000:10:00.0\n"
            "│     └─ mock0         0000:11:00.0  16 GiB  healthy  free  "
            "123e4567-e89b-12d3-a456-426614174000\n"
            "│        ├─ mock0_vf0  0000:11:00.1  16 GiB  healthy  free  "
            "123e4567-e89b-12d3-a456-426614174000\n"
            "│        └─ mock0_vf1  0000:11:00.2  16 GiB  healthy  free  "
            "123e4567-e89b-12d3-a456-426614174000\n"
            "└─ NUMA node 1\n"
            "   └─ port 0000:20:00.0\n"
            "      └─ mock1         0000:21:00.0  16 GiB  healthy  free  "
            "123e4567-e89b-12d3-a456-426614174000\n");
}

TEST(Tree, IsAsciiWhereTheTerminalIs) {
  const std::string text = tree_text(arrange(two_numa_nodes()), {});
  EXPECT_THAT(text, HasSubstr("|- NUMA node 0\n|  `- port 0000:10:00.0\n"));
  EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c > 0; }));
}

TEST(Tree, OfAServerHasMachinesAndSlots) {
  Listing listing{.machine = "", .from_server = true, .devices = {}, .problems = {}};
  listing.devices = {server_device("node0", "mock0", 0, 2), server_device("node1", "mock0", 0, 1)};
  EXPECT_EQ(tree_text(arrange(listing), {}),
            "node0\n"
            "`- NUMA node 0\n"
            "   `- slot 2\n"
            "      `- mock0  16 GiB  healthy  free  123e4567-e89b-12d3-a456-426614174000\n"
            "node1\n"
            "`- NUMA node 0\n"
            "   `- slot 1\n"
            "      `- mock0  16 GiB  healthy  free  123e4567-e89b-12d3-a456-426614174000\n");
}

TEST(Tree, PortsStandInTheOrderOfTheirAddresses) {
  Listing listing{.machine = "guest", .devices = {}, .problems = {}};
  listing.devices = {kernel_device("mock0", 0, "0000:02:00.0", "0000:03:00.0"),
                     kernel_device("mock1", 0, "0000:01:00.0", "0000:04:00.0"),
                     kernel_device("mock2", 1, "0000:00:01.0", "0000:05:00.0")};
  listing.devices[0].numa_node = std::nullopt;
  const std::string text = tree_text(arrange(listing), {});
  EXPECT_LT(text.find("NUMA node 0"), text.find("NUMA node 1"));
  EXPECT_LT(text.find("NUMA node 1"), text.find("no NUMA node"));
}

TEST(Tree, AVfWithoutItsPfStandsByItself) {
  Listing listing{.machine = "guest", .devices = {}, .problems = {}};
  listing.devices = {kernel_vf("mock3_vf0", "mock3", "0000:11:00.1")};
  EXPECT_THAT(tree_text(arrange(listing), {}), HasSubstr("`- mock3_vf0"));
}

TEST(Tree, ADeviceOnARootBusSaysSo) {
  Listing listing{.machine = "guest", .devices = {}, .problems = {}};
  listing.devices = {kernel_device("mock0", 0, "0000:10:00.0", "0000:00:05.0")};
  listing.devices[0].port = std::nullopt;
  EXPECT_THAT(tree_text(arrange(listing), {}), HasSubstr("root bus"));
}

TEST(Tree, WithoutDevicesNamesTheMachine) {
  const Listing empty{.machine = "guest", .devices = {}, .problems = {}};
  EXPECT_EQ(tree_text(arrange(empty), {}), "guest\n`- no devices\n");
}

TEST(Tree, ColoursHealth) {
  Listing listing = two_numa_nodes();
  listing.devices[0].health = discovery::Health::failed;
  const std::string text = tree_text(arrange(listing), {.color = true});
  EXPECT_THAT(text, HasSubstr("\x1b[31mfailed\x1b[0m"));
  EXPECT_THAT(text, HasSubstr("\x1b[32mhealthy\x1b[0m"));
}

TEST(TreeDocument, NestsMachineNumaPortDeviceVf) {
  const Document document = tree_document(arrange(two_numa_nodes()));
  const Document& machine = document["machines"][0];
  EXPECT_EQ(machine["name"], "guest");
  EXPECT_EQ(machine["numa_nodes"].size(), 2U);
  const Document& port = machine["numa_nodes"][0]["ports"][0];
  EXPECT_EQ(port["name"], "port 0000:10:00.0");
  EXPECT_EQ(port["devices"][0]["name"], "mock0");
  EXPECT_EQ(port["devices"][0]["vfs"][1]["pci"], "0000:11:00.2");
  EXPECT_EQ(machine["numa_nodes"][1]["ports"][0]["devices"][0]["vfs"], Document::array());
}

TEST(TreeSvg, ShowsEveryDeviceWithItsHealth) {
  Listing listing = two_numa_nodes();
  listing.devices[3].health = discovery::Health::degraded;
  const std::string svg = tree_svg(arrange(listing));
  for (const char* part : {"<title id=\"title\">", "<desc id=\"desc\">1 machine, 2 devices, 2 VFs",
                           ">NUMA node 0<", ">NUMA node 1<", ">port 0000:10:00.0<", ">mock0<",
                           ">0000:11:00.0<", ">123e4567-e89b-12d3-a456-426614174000<", ">vf1<",
                           "class=\"pill degraded\"", ">degraded<"}) {
    EXPECT_THAT(svg, HasSubstr(part));
  }
}

TEST(TreeSvg, NeedsNothingFromElsewhere) {
  const std::string svg = tree_svg(arrange(two_numa_nodes()));
  EXPECT_THAT(svg, testing::StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  for (const char* foreign : {"href", "url(", "@import", "<script", "<image"}) {
    EXPECT_THAT(svg, Not(HasSubstr(foreign)));
  }
}

TEST(TreeSvg, EscapesWhatItShows) {
  Listing listing = two_numa_nodes();
  listing.machine = "<script>\"&\x1b";
  const std::string svg = tree_svg(arrange(listing));
  EXPECT_THAT(svg, HasSubstr(">&lt;script&gt;&quot;&amp;?<"));
}

TEST(TreeSvg, GrowsWithItsDevices) {
  const auto height = [](const Listing& listing) {
    const std::string svg = tree_svg(arrange(listing));
    const std::string mark = " height=\"";
    return std::stoi(svg.substr(svg.find(mark) + mark.size()));
  };
  Listing few{.machine = "guest", .devices = {}, .problems = {}};
  few.devices = {kernel_device("mock0", 0, "0000:10:00.0", "0000:11:00.0")};
  Listing many = few;
  for (int i = 1; i < 30; ++i) {
    many.devices.push_back(kernel_device(fmt::format("mock{}", i), 0,
                                         fmt::format("0000:10:{:02x}.0", i),
                                         fmt::format("0000:{:02x}:00.0", 0x20 + i)));
  }
  EXPECT_GT(height(many), 25 * height(few) / 4);
  const Listing none{.machine = "guest", .devices = {}, .problems = {}};
  EXPECT_LT(height(none), height(few));
}

}  // namespace
}  // namespace mockdev::cli
