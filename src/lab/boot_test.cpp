// SPDX-License-Identifier: Apache-2.0
#include "lab/boot.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "lab/last_words.h"
#include "lab/testing.h"

namespace mockdev::lab {
namespace {

TEST(GuestReport, CountsPhysicalFunctions) {
  EXPECT_EQ(
      parse_report("device mock0\r\ndevice mock0_vf1\r\ndevice mock1\r\npayload\r\nready\r\n"),
      (GuestReport{.ready = true, .payload = true, .devices = 2}));
}

TEST(GuestReport, MayNotBeCompleteYet) {
  EXPECT_EQ(parse_report(""), GuestReport{});
  EXPECT_EQ(parse_report("device mock0\r\nrea"), (GuestReport{.devices = 1}));
}

TEST(GuestReport, TellsWhenThePayloadFailed) {
  EXPECT_EQ(parse_report("ready\r\n"), (GuestReport{.ready = true}));
}

TEST(WaitForReport, EndsWithAPanic) {
  const TemporaryFolder labs;
  const ScopedVariable named("MOCK_DEVICE_RUN_DIR", labs.path());
  const RunFolder folder = RunFolder::of("panics").value();
  const MachineFolder machine = folder.machine("node0");
  ASSERT_TRUE(std::filesystem::create_directories(machine.serial_log().parent_path()));
  ASSERT_TRUE(write_file(machine.serial_log(),
                         "init: no root disk\n"
                         "[ 42.2] ---[ end Kernel panic - not syncing: no init ]---\n"));
  const auto qemu = start({.argv = {"sleep", "3600"}}, labs.path() / "log");
  ASSERT_TRUE(qemu);
  const NodeState node{.name = "node0", .qemu = *qemu};
  const Interrupt interrupt;
  const auto report = wait_for_report(
      folder, node, std::chrono::steady_clock::now() + std::chrono::hours(1), interrupt);
  ASSERT_TRUE(stop(*qemu, std::chrono::seconds(10)));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().message,
            "the guest's kernel panicked: " + machine.serial_log().native());
}

TEST(LastWords, AreTheEndOfALogOnOneLine) {
  const TemporaryFolder folder;
  const auto log = folder.path() / "log";
  EXPECT_EQ(last_words(log), "(it said nothing)");
  ASSERT_TRUE(write_file(log, "0\n1\n2\n3\r\n\n4\n\x1b[5m\n"));
  EXPECT_EQ(last_words(log), "1 / 2 / 3 / 4 / [5m");
}

}  // namespace
}  // namespace mockdev::lab
