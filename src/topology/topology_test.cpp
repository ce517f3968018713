// SPDX-License-Identifier: Apache-2.0
#include "topology/topology.h"

#include <fstream>
#include <string>

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing.h"

namespace mockdev::topology {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// All problems of a text, one "line: message" each.
std::vector<std::string> problems(std::string_view yaml) {
  std::vector<std::string> lines;
  const auto topology = parse(yaml);
  if (topology) return lines;
  for (const Problem& problem : topology.error()) {
    lines.push_back(fmt::format("{}: {}", problem.line, problem.message));
  }
  return lines;
}

/// A topology whose one device has these lines.
std::string with_device(const std::vector<std::string>& lines) {
  return fmt::format("nodes:\n- name: n\n  numa:\n  - devices:\n    - {}\n",
                     fmt::join(lines, "\n      "));
}

/// The one device of a topology with these lines.
Device device_of(const std::vector<std::string>& lines) {
  const auto topology = parse(with_device(lines));
  EXPECT_TRUE(topology) << problems(with_device(lines)).front();
  return topology ? topology->nodes.at(0).numa.at(0).devices.at(0) : Device{};
}

const std::string kUuid = "12345678-1234-4234-9234-123456789abc";

TEST(Topology, GivesDefaultsForABareNumber) {
  const auto topology = parse("nodes: [{name: a, numa: [{devices: 2}, {devices: 1}]}]");
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->ids.vendor, 0x1de5);
  const Node& node = topology->nodes.at(0);
  ASSERT_THAT(node.numa, SizeIs(2));
  EXPECT_EQ(node.numa[1].id, 1U);
  const Device& first = node.numa[0].devices.at(0);
  EXPECT_EQ(first.name, "mock0");
  EXPECT_EQ(first.memory, 16_GiB);
  EXPECT_EQ(first.vfs, 16);
  EXPECT_EQ(first.vf_memory, 1_GiB);
  EXPECT_EQ(first.capabilities, 1U);
  EXPECT_EQ(first.slot, 1U);
  EXPECT_EQ(node.numa[0].devices.at(1).slot, 2U);
  EXPECT_EQ(node.numa[1].devices.at(0).name, "mock2");
}

TEST(Topology, GivesADeviceTheSameUuidEveryTime) {
  const auto topology = parse("nodes: [{name: a, numa: [{devices: 1}, {devices: 1}]}]");
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->nodes[0].numa[1].devices[0].uuid, uuid_of_name("a/numa1/slot1"));
}

TEST(Topology, TakesAllThatAFileCanSay) {
  const auto topology = parse(R"(
attach: direct
ids: {vendor: 0x1234, pf_device: 5, vf_device: 0xfffe}
nodes:
  - name: worker-1.example.com
    numa:
      - id: 1
        devices:
          - slot: 7
            uuid: 12345678-1234-4234-9234-123456789ABC
            memory: 1GiB
            vfs: 3
            vf_memory: 8KiB
            capabilities: [compute, encryption, compression, p2p]
          - slot: 2
            capabilities: []
      - id: 0
        devices: 0
)");
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->ids.vendor, 0x1234);
  EXPECT_EQ(topology->ids.pf_device, 5);
  EXPECT_EQ(topology->ids.vf_device, 0xfffe);
  const Node& node = topology->nodes.at(0);
  EXPECT_EQ(node.name, "worker-1.example.com");
  EXPECT_THAT(node.numa.at(0).devices, IsEmpty());
  const Device& second = node.numa.at(1).devices.at(1);
  EXPECT_EQ(second.name, "mock1");  // in the order of slots
  EXPECT_EQ(second.slot, 7U);
  EXPECT_EQ(to_string(second.uuid), kUuid);
  EXPECT_EQ(second.memory, 1_GiB);
  EXPECT_EQ(second.vfs, 3);
  EXPECT_EQ(second.vf_memory, 8_KiB);
  EXPECT_EQ(second.capabilities, 15U);
  EXPECT_EQ(node.numa.at(1).devices.at(0).capabilities, 0U);
}

TEST(Topology, SharesMemoryEvenlyAmongVfs) {
  EXPECT_EQ(device_of({"{memory: 64KiB, vfs: 3}"}).vf_memory, 20_KiB);
  EXPECT_EQ(device_of({"vfs: 0"}).vf_memory, 0_B);
  EXPECT_EQ(device_of({"{memory: 1GiB, vfs: 64, vf_memory: 16MiB}"}).vf_memory, 16_MiB);
}

TEST(Topology, NamesAllProblemsWithTheirLines) {
  EXPECT_THAT(
      problems(R"(nodes:
  - name: Node_0
    numa:
      - id: -1
        devices:
          - memory: 0
          - vfs: 65
            colour: red
  - name: b
    numa:
      - devices: 33
)"),
      ElementsAre(StartsWith("2: nodes[0].name: Node_0 is not a name of lower-case letters"),
                  "4: nodes[0].numa[0].id: -1 is less than 0",
                  "6: nodes[0].numa[0].devices[0].memory: 0 B is less than 4 KiB",
                  "7: nodes[0].numa[0].devices[1].vfs: 65 is more than the 64 that a PF "
                  "can have",
                  StartsWith("8: nodes[0].numa[0].devices[1].colour: unknown key; known"),
                  "11: nodes[1].numa[0].devices: 33 is more than the 32 that a NUMA node "
                  "can have"));
}

TEST(Topology, ReportsTheFirstHundredOfManyProblems) {
  std::string text = "nodes:\n";
  for (int i = 0; i < 1000; ++i) text += "- a\n";
  const auto all = problems(text);
  ASSERT_THAT(all, SizeIs(101));
  EXPECT_EQ(all.back(), "0: and 900 more problems");
}

TEST(Topology, GuessesWhatAKeyWasMeantToBe) {
  EXPECT_THAT(problems(with_device({"vf: 1"})),
              ElementsAre(HasSubstr("vf: unknown key; did you mean vfs?")));
  EXPECT_THAT(problems(with_device({"memroy: 1GiB"})), ElementsAre(HasSubstr("mean memory?")));
  EXPECT_THAT(problems("node: []"), ElementsAre("1: node: unknown key; did you mean nodes?"));
  EXPECT_THAT(problems(with_device({"capabilities: [compute, encription]"})),
              ElementsAre("5: nodes[0].numa[0].devices[0].capabilities[1]: encription is not a "
                          "capability; did you mean encryption?"));
}

TEST(Topology, RefusesAKeyThatIsGivenTwice) {
  EXPECT_THAT(problems(with_device({"vfs: 1", "memory: 1GiB", "vfs: 2"})),
              ElementsAre("7: nodes[0].numa[0].devices[0].vfs: given twice, first on line 5"));
}

TEST(Topology, RefusesAUuidThatIsGivenTwice) {
  EXPECT_THAT(
      problems(fmt::format("nodes:\n- name: a\n  numa:\n  - devices:\n    - uuid: {0}\n"
                           "- name: b\n  numa:\n  - devices: 1\n  - devices:\n    - uuid: {0}\n",
                           kUuid)),
      ElementsAre(fmt::format("10: nodes[1].numa[1].devices[0].uuid: {} is also that of "
                              "nodes[0].numa[0].devices[0] on line 5",
                              kUuid)));
}

TEST(Topology, RefusesAnExplicitUuidThatIsAnotherDevicesDefault) {
  const std::string uuid = to_string(uuid_of_name("n/numa0/slot2"));
  EXPECT_THAT(problems(fmt::format(
                  "nodes: [{{name: n, numa: [{{devices: [{{uuid: {}}}, {{vfs: 1}}]}}]}}]", uuid)),
              ElementsAre(HasSubstr("is also that of")));
}

TEST(Topology, RefusesWhatIsNoUuid) {
  for (const char* uuid : {"x", "''", "[]", "00000000-0000-0000-0000-000000000000", "1234"}) {
    EXPECT_THAT(problems(with_device({fmt::format("uuid: {}", uuid)})),
                ElementsAre(HasSubstr("is not a UUID other than the nil UUID")));
  }
}

TEST(Topology, RefusesASlotThatIsTaken) {
  EXPECT_THAT(problems("nodes:\n- name: a\n  numa:\n  - devices:\n    - slot: 2\n    - vfs: 1\n"),
              ElementsAre("6: nodes[0].numa[0].devices[1].slot: 2 is taken by the device on line "
                          "5"));
}

TEST(Topology, RefusesSlotsThatThereAreNot) {
  EXPECT_THAT(problems(with_device({"slot: 0"})), ElementsAre(HasSubstr("0 is less than 1")));
  EXPECT_THAT(problems(with_device({"slot: 33"})),
              ElementsAre(HasSubstr("slot: 33 is more than the 32 that a NUMA node has")));
  EXPECT_THAT(problems(with_device({"slot: 1.5"})),
              ElementsAre(HasSubstr("1.5 is not a whole number from 1 to 32")));
}

TEST(Topology, RefusesANodeNameThatIsGivenTwice) {
  EXPECT_THAT(problems("nodes:\n- {name: a, numa: [{devices: 1}]}\n- {name: a, numa: [{}]}\n"),
              ElementsAre("3: nodes[1].name: a is given twice, first on line 2"));
}

TEST(Topology, RefusesNamesThatNoKubernetesNodeCanHave) {
  for (const char* name : {"''", "A", "a_b", "-a", "a-", ".a", "a.", "a..b", "a.-b", "a-.b", "a/b",
                           "'a b'", "../a", "ä", "[a]", "{}"}) {
    EXPECT_THAT(problems(fmt::format("nodes: [{{name: {}, numa: [{{devices: 1}}]}}]", name)),
                ElementsAre(HasSubstr("is not a name of lower-case letters")))
        << name;
  }
  const std::string longest(63, 'a');
  EXPECT_THAT(problems(fmt::format("nodes: [{{name: {}, numa: [{{}}]}}]", longest)), IsEmpty());
  EXPECT_THAT(problems(fmt::format("nodes: [{{name: {}a, numa: [{{}}]}}]", longest)), SizeIs(1));
}

TEST(Topology, RefusesGapsAndRepetitionsOfNumaIds) {
  EXPECT_THAT(problems("nodes:\n- name: a\n  numa:\n  - id: 0\n  - id: 2\n"),
              ElementsAre(HasSubstr("nodes[0].numa: ids have to count from 0 without gaps; 2 is "
                                    "the highest of 2")));
  EXPECT_THAT(problems("nodes:\n- name: a\n  numa:\n  - id: 1\n  - devices: 1\n"),
              ElementsAre("5: nodes[0].numa[1].id: 1 is given twice, first on line 4"));
  EXPECT_THAT(problems("nodes: [{name: a, numa: [{id: 8}]}]"),
              ElementsAre(HasSubstr("8 is more than the 7 that a NUMA node's id can be")));
}

TEST(Topology, BoundsNumaNodesOfAMachine) {
  const auto machine = [](int count) {
    return fmt::format(
        "nodes: [{{name: a, numa: [{}]}}]",
        fmt::join(std::vector<std::string>(static_cast<std::size_t>(count), "{}"), ", "));
  };
  EXPECT_THAT(problems(machine(8)), IsEmpty());
  EXPECT_THAT(problems(machine(9)),
              ElementsAre(HasSubstr("9 NUMA nodes are more than the 8 that a node can have")));
}

TEST(Topology, RefusesMemoryThatNoDeviceHas) {
  const auto refused = [](const char* memory) {
    const auto all = problems(with_device({fmt::format("memory: {}", memory)}));
    return all.size() == 1 ? all.front() : fmt::format("{} problems", all.size());
  };
  EXPECT_THAT(refused("0"), HasSubstr("0 B is less than 4 KiB"));
  EXPECT_THAT(refused("-1"), HasSubstr("-1 is not a size, such as"));
  EXPECT_THAT(refused("5000"), HasSubstr("5000 B is not a multiple of 4 KiB"));
  EXPECT_THAT(refused("17TiB"), HasSubstr("17 TiB is more than the 16 TiB"));
  EXPECT_THAT(refused("99999999999999999999"), HasSubstr("is not a size"));
  EXPECT_THAT(refused("much"), HasSubstr("much is not a size"));
  EXPECT_THAT(refused("[]"), HasSubstr("a list is not a size"));
  EXPECT_THAT(refused("\"\\e[2J\""), HasSubstr("memory: \\x1b[2J is not a size"));
}

TEST(Topology, RefusesVfMemoryThatDoesNotFit) {
  EXPECT_THAT(problems(with_device({"{memory: 1GiB, vfs: 3, vf_memory: 512MiB}"})),
              ElementsAre(HasSubstr("vf_memory: 3 VFs of 512 MiB are more than the 1 GiB that the "
                                    "device has")));
  EXPECT_THAT(problems(with_device({"{vfs: 0, vf_memory: 1GiB}"})),
              ElementsAre(HasSubstr("vf_memory: has no meaning for a device with vfs: 0")));
  EXPECT_THAT(problems(with_device({"{memory: 16KiB, vfs: 5}"})),
              ElementsAre(HasSubstr("memory: 16 KiB are too little for 5 VFs of at least 4 KiB")));
  // One wrong value is one problem.
  EXPECT_THAT(problems(with_device({"{memory: x, vfs: 64, vf_memory: 1TiB}"})), SizeIs(1));
}

TEST(Topology, RefusesIdsThatMeanNoDevice) {
  for (const char* id : {"0", "0xffff", "65536", "-1", "x", "0x", "0x-1", "[]", "1e3"}) {
    EXPECT_THAT(
        problems(fmt::format("ids: {{vendor: {}}}\nnodes: [{{name: a, numa: [{{}}]}}]", id)),
        ElementsAre(HasSubstr("ids.vendor: ")))
        << id;
  }
}

TEST(Topology, SaysWhichWaysToAttachThereAre) {
  EXPECT_THAT(problems("attach: glue\nnodes: [{name: a, numa: [{}]}]"),
              ElementsAre("1: attach: glue is not direct or fabric"));
}

TEST(Topology, GivesEachDeviceASocketOrEachNumaNode) {
  const char* const kNodes =
      "nodes: [{name: a, numa: [{devices: 2}, {devices: 0}, {devices: 1}]}]\n";
  const auto direct = parse(fmt::format("attach: direct\n{}", kNodes));
  ASSERT_TRUE(direct);
  EXPECT_THAT(socket_names(direct->nodes[0]),
              ElementsAre("a-mock0.sock", "a-mock1.sock", "a-mock2.sock"));
  EXPECT_THAT(root_buses(direct->nodes[0]), ElementsAre(16, 19, 20, 22));
  const auto fabric = parse(fmt::format("attach: fabric\n{}", kNodes));
  ASSERT_TRUE(fabric);
  EXPECT_THAT(socket_names(fabric->nodes[0]), ElementsAre("a-numa0.sock", "a-numa2.sock"));
  EXPECT_THAT(root_buses(fabric->nodes[0]), ElementsAre(16, 18, 19, 21));
}

TEST(Topology, RefusesOtherShapes) {
  EXPECT_THAT(problems(""), ElementsAre("0: the file is empty; it has to have nodes"));
  EXPECT_THAT(problems("hello"),
              ElementsAre("1: the file: hello is not a map of nodes, ids, attach"));
  EXPECT_THAT(problems("[]"), ElementsAre(HasSubstr("a list is not a map")));
  EXPECT_THAT(problems("{}"), ElementsAre("1: nodes: missing"));
  EXPECT_THAT(problems("nodes:"), ElementsAre("1: nodes: nothing is not a list of nodes"));
  EXPECT_THAT(problems("nodes: []"), ElementsAre(HasSubstr("is not a list of nodes")));
  EXPECT_THAT(problems("nodes: [{}]"),
              ElementsAre("1: nodes[0].name: missing", "1: nodes[0].numa: missing"));
  EXPECT_THAT(problems("nodes: [{name: a, numa: 3}]"),
              ElementsAre(HasSubstr("3 is not a list of NUMA nodes")));
  EXPECT_THAT(problems("nodes: [{name: a, numa: [{devices: {}}]}]"),
              ElementsAre(HasSubstr("a map is not a number or a list of devices")));
  EXPECT_THAT(problems(with_device({"capabilities: compute"})),
              ElementsAre(HasSubstr("compute is not a list such as [compute, p2p]")));
}

TEST(Topology, ReadsFiveThousandDenseMachines) {
  std::string text = "nodes:\n";
  for (int i = 0; i < 5000; ++i) {
    text += fmt::format("- name: n{}\n  numa: [{{devices: 16}}, {{devices: 16}}]\n", i);
  }
  const auto topology = parse(text);
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->nodes.at(4999).numa.at(1).devices.at(15).name, "mock31");
}

TEST(Topology, AnEntryMayStandForManyMachines) {
  const auto topology =
      parse("nodes: [{name: sim, count: 3, numa: [{devices: 2}]}, {name: sim, numa: [{}]}]");
  ASSERT_TRUE(topology);
  ASSERT_THAT(topology->nodes, SizeIs(4));
  EXPECT_EQ(topology->nodes[0].name, "sim-0");
  EXPECT_EQ(topology->nodes[2].name, "sim-2");
  EXPECT_EQ(topology->nodes[3].name, "sim");
  EXPECT_NE(topology->nodes[0].numa[0].devices[0].uuid, topology->nodes[1].numa[0].devices[0].uuid);
}

TEST(Topology, RefusesMachinesThatCanNotBeMany) {
  EXPECT_THAT(problems("nodes: [{name: a, count: 0, numa: [{}]}]"),
              ElementsAre(HasSubstr("nodes[0].count: 0 is less than 1")));
  EXPECT_THAT(problems("nodes: [{name: a, count: 20000, numa: [{devices: 32}]}]"),
              ElementsAre("1: nodes[0]: more than 200000 devices up to here"));
  EXPECT_THAT(problems("nodes: [{name: " + std::string(62, 'a') + ", count: 2, numa: [{}]}]"),
              ElementsAre(HasSubstr("a-1 has more than 63 characters")));
  EXPECT_THAT(problems("nodes: [{name: a, count: 20000, numa: [{}]}, {name: b, numa: [{}]}]"),
              ElementsAre("1: nodes[1]: more than 20000 machines up to here"));
  EXPECT_THAT(problems("nodes: [{name: a-1, numa: [{}]}, {name: a, count: 9, numa: [{}]}]"),
              ElementsAre(HasSubstr("a-1 is given twice")));
  EXPECT_THAT(problems("nodes: [{name: a, count: 9, numa: [{devices: [{uuid: "
                       "5d1f0f9a-7a52-4f0c-9f0e-1b1c5a3b6f01}]}]}]"),
              ElementsAre(HasSubstr("can't be that of each of several machines")));
}

TEST(Topology, BoundsDevicesHoweverTheyAreWritten) {
  std::string text =
      "nodes:\n- {name: a, numa: &m [{devices: 32}, {devices: 32}, {devices: 32}]}\n";
  for (int i = 0; i < 2500; ++i) text += fmt::format("- {{name: b{}, numa: *m}}\n", i);
  EXPECT_THAT(problems(text),
              ElementsAre(HasSubstr("devices: more than 200000 devices up to here")));
}

TEST(Topology, LoadNamesFileAndLine) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "topology.yaml";
  std::ofstream(path) << with_device({"vfs: 65", "slot: 0"});
  const auto topology = load(path);
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().message,
            fmt::format("{0}:5: nodes[0].numa[0].devices[0].vfs: 65 is more than the 64 that a PF "
                        "can have\n{0}:6: nodes[0].numa[0].devices[0].slot: 0 is less than 1",
                        path.native()));
}

TEST(Topology, LoadRefusesWhatIsNoFileOfReasonableSize) {
  const TemporaryFolder folder;
  EXPECT_THAT(load(folder.path()).error().message, HasSubstr("not a regular file"));
  EXPECT_THAT(load(folder.path() / "none").error().message, HasSubstr("No such file"));
  ASSERT_EQ(::mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(load(folder.path() / "fifo").error().message, HasSubstr("not a regular file"));
  std::ofstream(folder.path() / "large") << std::string(10U << 20U, '#');
  EXPECT_THAT(load(folder.path() / "large").error().message,
              HasSubstr("larger than the 1 MiB that are read at most"));
}

TEST(TopologyFaults, ArePlannedByKindAndTime) {
  const Device device =
      device_of({"numvfs: 4", "faults:", "- {kind: degraded, at: 30s, for: 10s, every: 5m}",
                 "- {kind: thermal, value: 97.5, vf: 3, at: 250ms}", "- {kind: errors, every: 1h}",
                 "- kind: failed"});
  EXPECT_EQ(device.numvfs, 4);
  ASSERT_THAT(device.faults, SizeIs(4));
  using namespace std::chrono_literals;
  EXPECT_EQ(device.faults[0].kind->name, "degraded");
  EXPECT_EQ(device.faults[0].at, 30s);
  EXPECT_EQ(device.faults[0].lasts, 10s);
  EXPECT_EQ(device.faults[0].every, 5min);
  EXPECT_EQ(device.faults[1].value, 97.5);
  EXPECT_EQ(device.faults[1].vf, 3);
  EXPECT_EQ(device.faults[1].at, 250ms);
  EXPECT_EQ(device.faults[2].value, 1) << "the default";
  EXPECT_EQ(device.faults[3].at, 0s);
  EXPECT_EQ(device.faults[3].lasts, std::nullopt);
}

TEST(TopologyFaults, AreRefusedAllAtOnceWithTheirLines) {
  EXPECT_THAT(
      problems(with_device({"vfs: 8", "faults:",                     // 5, 6
                            "- {kind: degradet}",                    // 7
                            "- {kind: thermal, value: 20}",          // 8
                            "- {kind: failed, value: 2}",            // 9
                            "- {kind: hung, vf: 8}",                 // 10
                            "- {kind: hung, vf: 64}",                // 11
                            "- {kind: link-down, vf: 1}",            // 12
                            "- {kind: errors, for: 1s}",             // 13
                            "- {kind: slow, every: 1m}",             // 14
                            "- {kind: slow, for: 2m, every: 2m}",    // 15
                            "- {kind: slow, for: 0s, every: 50ms}",  // 16
                            "- {kind: slow, at: soon, for: 9000h}",  // 17
                            "- {at: 1s}"})),                         // 18
      ElementsAre(
          AllOf(
              StartsWith("7: nodes[0].numa[0].devices[0].faults[0].kind: degradet is not a fault"),
              HasSubstr("did you mean degraded?")),
          "8: nodes[0].numa[0].devices[0].faults[1].value: fault thermal: 20 is not a number from "
          "46 to 150 degrees Celsius",
          HasSubstr("9: nodes[0].numa[0].devices[0].faults[2].value: fault failed: takes no value"),
          HasSubstr("10: nodes[0].numa[0].devices[0].faults[3].vf: 8 is not below the 8 VFs"),
          HasSubstr("11: nodes[0].numa[0].devices[0].faults[4].vf: 64 is more than the 63 that"),
          HasSubstr("12: nodes[0].numa[0].devices[0].faults[5].vf: link-down is a fault of the "
                    "card's slot"),
          HasSubstr("13: nodes[0].numa[0].devices[0].faults[6].for: errors happens at a moment"),
          HasSubstr("14: nodes[0].numa[0].devices[0].faults[7].every: a fault that stays"),
          HasSubstr("15: nodes[0].numa[0].devices[0].faults[8].for: is not shorter than every"),
          HasSubstr("16: nodes[0].numa[0].devices[0].faults[9].every: is less than 100ms"),
          HasSubstr("16: nodes[0].numa[0].devices[0].faults[9].for: a fault has to last"),
          HasSubstr("17: nodes[0].numa[0].devices[0].faults[10].at: soon is not a time, such as"),
          HasSubstr("17: nodes[0].numa[0].devices[0].faults[10].for: 9000h is longer than the "
                    "8760h"),
          "18: nodes[0].numa[0].devices[0].faults[11].kind: missing"));
}

TEST(TopologyFaults, OfSlotsAreNotForDevicesThatAreAttachedDirectly) {
  EXPECT_THAT(problems("attach: direct\n" + with_device({"faults: [{kind: fatal-error}]"})),
              ElementsAre(HasSubstr("6: nodes[0].numa[0].devices[0].faults[0].kind: fatal-error "
                                    "takes a slot")));
}

TEST(TopologyFaults, AreLimitedInNumber) {
  std::string list = "faults: [";
  for (std::size_t i = 0; i <= kMaxPlannedFaults; ++i) list += "{kind: failed},";
  EXPECT_THAT(problems(with_device({list + "]"})),
              ElementsAre(HasSubstr("faults: 33 faults are more than the 32")));
}

TEST(TopologyFaults, AreLimitedInNumberOverAllMachines) {
  const std::string device = "{faults: [&f {kind: failed}" + [] {
    std::string more;
    for (std::size_t i = 1; i < kMaxPlannedFaults; ++i) more += ", *f";
    return more;
  }() + "]}";
  EXPECT_THAT(
      problems(fmt::format("nodes: [{{name: n, count: 4000, numa: [{{devices: [{}]}}]}}]", device)),
      ElementsAre(HasSubstr("devices[0].faults: more than 100000 faults up to here")));
}

TEST(Topology, NumvfsAreAmongTheVfs) {
  EXPECT_THAT(problems(with_device({"vfs: 8", "numvfs: 9"})),
              ElementsAre("6: nodes[0].numa[0].devices[0].numvfs: 9 is more than the 8 VFs that "
                          "the device can have"));
  EXPECT_THAT(problems("attach: direct\n" + with_device({"numvfs: 1"})),
              ElementsAre(HasSubstr("numvfs: a device with attach: direct shows no VFs")));
}

}  // namespace
}  // namespace mockdev::topology
