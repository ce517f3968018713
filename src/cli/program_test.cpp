// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/testing.h"
#include "discovery/testing.h"

namespace mockdev::cli {
namespace {

using discovery::FakeSysfs;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct BadLine {
  std::vector<std::string> words;
  const char* complaint;
};

/// "devices", for the name of a test.
std::string name_of(const BadLine& line) {
  const std::string verb = line.words.empty() ? "" : line.words.front();
  const bool is_word = std::ranges::all_of(verb, [](char c) { return c >= 'a' && c <= 'z'; });
  return is_word ? verb : "";
}

/// What gtest prints of a line that fails.
void PrintTo(const BadLine& line, std::ostream* out) {  // NOLINT(readability-identifier-naming)
  *out << fmt::format("mock-device {}", fmt::join(line.words, " "));
}

class Usage : public testing::TestWithParam<BadLine> {};

TEST_P(Usage, IsRefusedWithOneLineThatNamesTheMistake) {
  const Ran ran = run_program(GetParam().words);
  EXPECT_EQ(ran.exit, Exit::usage);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, StartsWith("mock-device: "));
  EXPECT_THAT(ran.err, HasSubstr(GetParam().complaint));
  EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, Usage,
    testing::Values(
        BadLine{{}, "no verb given"}, BadLine{{""}, "not expected"},
        BadLine{{"--"}, "no verb given"}, BadLine{{"--", "devices"}, "no verb given"},
        BadLine{{"dance"}, "dance: no such verb"}, BadLine{{"--dance"}, "--dance"},
        BadLine{{"devices", "--dance"}, "not expected: --dance"},
        BadLine{{"devices", "extra"}, "not expected: extra"},
        BadLine{{"devices", "--output", "xml"}, "--output: xml is none of table, json, yaml"},
        BadLine{{"devices", "--output"}, "--output"},
        BadLine{{"topology", "-o", "table"}, "table is none of tree, svg, json, yaml"},
        BadLine{{"devices", "--lab", "a", "--sysfs", "/sys"}, "excludes"},
        BadLine{{"devices", "--control", "a", "--sysfs", "/sys"}, "excludes"},
        BadLine{{"fault"}, "DEVICE is required"}, BadLine{{"fault", "mock0"}, "KIND is required"},
        BadLine{{"fault", "mock0", "thermal", "hot"}, "VALUE: hot is not a number"},
        BadLine{{"fault", "mock0", "thermal", "nan"}, "VALUE: nan is not a number"},
        BadLine{{"down", "--lab=", "--all"}, "down: --lab: a value is missing"},
        BadLine{{"down", "--lab", ""}, "--lab: a value is missing"},
        BadLine{{"heal"}, "DEVICE is required"}, BadLine{{"completion"}, "SHELL is required"},
        BadLine{{"completion", "csh"}, "SHELL: csh is none of bash, zsh, fish"},
        BadLine{{"up", "--memory", "lots"}, "--memory: lots is not a size"},
        BadLine{{"up", "--nodes", "-1"}, "--nodes"},
        BadLine{{"up", "--kubernetes", "1.30"}, "--kubernetes: 1.30 is none of 1.31, "},
        BadLine{{"up", "--kubernetes", "newest"}, "--kubernetes: newest is none of 1.31, "},
        BadLine{{"up", "--accelerator", "xen"}, "xen is none of automatic, kvm, tcg"},
        BadLine{{"down", "--all", "--lab", "a"}, "excludes"},
        BadLine{{"logs", "--tail", "-1"}, "--tail"},
        BadLine{{"logs", "--source", "moon"}, "moon is none of serial, qemu, server, etcd"}),
    [](const auto& line) { return fmt::format("{}{}", name_of(line.param), line.index); });

TEST(Program, SaysItsVersion) {
  const Ran ran = run_program({"--version"});
  EXPECT_EQ(ran.exit, Exit::success);
  EXPECT_EQ(ran.out, "mock-device " MOCK_DEVICE_VERSION "\n");
}

TEST(Program, ComplainsAboutEachDeviceThatItCannotRead) {
  FakeSysfs sysfs;
  sysfs.add({.name = "mock0"});
  sysfs.add({.name = "mock1", .pci = "pci0000:00/0000:00:03.0/0000:02:00.0"});
  sysfs.set("mock0", "memory_size", "much");
  const Ran ran = run_program({"devices", "--sysfs", sysfs.path()});
  EXPECT_EQ(ran.exit, Exit::failure);
  EXPECT_THAT(ran.out, HasSubstr("mock1"));
  EXPECT_THAT(ran.err, StartsWith("mock-device: mock0: memory_size: \"much\" is not a number"));
}

TEST(Program, ListsTheDevicesOfAKernel) {
  FakeSysfs sysfs;
  sysfs.add({.name = "mock0",
             .attributes = {{"owner", "11111111-2222-3333-4444-555555555555"}, {"status", "1"}}});
  const Ran ran = run_program({"devices", "--sysfs", sysfs.path()});
  EXPECT_EQ(ran.exit, Exit::success);
  EXPECT_EQ(
      ran.out,
      "NAME   TYPE  NUMA  PCI           UUID                                  MEMORY  "
      "CAPABILITIES        HEALTH   TEMP    STATUS     OWNER\n"
      "mock0  pf    0     0000:01:00.0  123e4567-e89b-12d3-a456-426614174000  16 GiB  "
      "compute,encryption  healthy  42.0 C  allocated  11111111-2222-3333-4444-555555555555\n");
  EXPECT_THAT(ran.err, IsEmpty());
}

TEST(Program, ListsADeviceThatNoLongerAnswers) {
  FakeSysfs sysfs;
  sysfs.add({.attributes = {{"health", "failed"}}});
  std::filesystem::remove(sysfs.class_folder() / "mock0" / "status");
  const Ran ran = run_program({"devices", "--sysfs", sysfs.path()});
  EXPECT_EQ(ran.exit, Exit::success);
  EXPECT_THAT(ran.out, HasSubstr("failed  -     -       -\n"));
}

TEST(Program, ListsDevicesForPrograms) {
  FakeSysfs sysfs;
  sysfs.add({});
  const Ran ran = run_program({"devices", "--sysfs", sysfs.path(), "-o", "json"});
  const auto document = nlohmann::json::parse(ran.out);
  EXPECT_EQ(document["devices"][0]["name"], "mock0");
  EXPECT_EQ(document["devices"][0]["memory"], 17179869184);
  EXPECT_THAT(run_program({"devices", "--sysfs", sysfs.path(), "-o", "yaml"}).out,
              StartsWith("devices:\n  - node: ~\n    name: mock0\n"));
}

TEST(Program, ShowsNoDevicesAsNone) {
  FakeSysfs sysfs;
  const Ran table = run_program({"devices", "--sysfs", sysfs.path()});
  EXPECT_EQ(table.exit, Exit::success);
  EXPECT_THAT(table.out, IsEmpty());
  EXPECT_EQ(table.err, "There are no devices.\n");
  EXPECT_EQ(run_program({"devices", "--sysfs", sysfs.path(), "-o", "json"}).out,
            "{\n  \"devices\": []\n}\n");
}

TEST(Program, NamesTheFolderThatHasNoDevicesToRead) {
  TemporaryFolder empty;
  const Ran ran = run_program({"devices", "--sysfs", empty.path()});
  EXPECT_EQ(ran.exit, Exit::failure);
  EXPECT_EQ(ran.err, "mock-device: " + (empty.path() / "class/mock-accel").native() +
                         ": no such folder: the kernel module mock-accel is not loaded there\n");
}

TEST(Program, NamesTheServerThatIsNotThere) {
  const Ran ran = run_program({"fault", "mock0", "degraded", "--control", "/nowhere/control.sock"});
  EXPECT_EQ(ran.exit, Exit::failure);
  EXPECT_THAT(ran.err, StartsWith("mock-device: /nowhere/control.sock: "));
}

}  // namespace
}  // namespace mockdev::cli
