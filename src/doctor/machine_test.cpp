// SPDX-License-Identifier: Apache-2.0
#include "doctor/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "doctor/testing.h"

namespace mockdev::doctor {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::HasSubstr;

/// A machine on which labs run, until a test breaks something.
class MachineDoctor : public testing::Test {
 protected:
  MachineDoctor() {
    settings_.root = folder_.path();
    settings_.cache = folder_.path() / "cache";
    settings_.qemu = "QEMU 11.1.3";
    settings_.has_program = [this](std::string_view name) { return name != missing_; };
    settings_.run = [this](const std::vector<std::string>& argv) -> Result<std::string> {
      return argv[0] == "helm" && !helm_.empty() ? Result<std::string>(helm_) : fail("not here");
    };
    put("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\nVERSION_ID=\"12\"\n");
    put("proc/cpuinfo", "processor\t: 0\n\nprocessor\t: 1\n");
    put("proc/meminfo", "MemTotal: 25165824 kB\nMemAvailable:   16777216 kB\n");
    put("cache/guest-1/image", "");
  }

  void put(const fs::path& path, std::string_view content) const {
    fs::create_directories((folder_.path() / path).parent_path());
    ASSERT_TRUE(write_file(folder_.path() / path, content));
  }

  [[nodiscard]] Report look() const {
    Report report;
    check_machine(settings_, report);
    return report;
  }

  /// The worst finding of a check.
  [[nodiscard]] Finding finding(std::string_view id) const { return worst_finding(look(), id); }

  TemporaryFolder folder_;
  MachineSettings settings_;
  std::string missing_;
  std::string helm_;
};

TEST_F(MachineDoctor, FindsNothingWrongWithAHealthyMachine) {
  const Report report = look();
  for (const Finding& one : report.findings()) {
    EXPECT_EQ(one.severity, Severity::ok) << one.id << ": " << one.found;
  }
  for (const CheckText& check : machine_checks()) EXPECT_EQ(finding(check.id).id, check.id);
}

TEST_F(MachineDoctor, ComparesHelmWhereItIs) {
  helm_ = "v3.22.0+g144ca54\n";
  EXPECT_EQ(finding("machine.helm").severity, Severity::ok);
  helm_ = "v3.9.1+ga7c043a\n";
  EXPECT_EQ(finding("machine.helm").severity, Severity::error);
}

TEST_F(MachineDoctor, ComparesTheSystem) {
  put("etc/os-release", "ID=debian\nVERSION_ID=\"11\"\n");
  EXPECT_EQ(finding("machine.system").severity, Severity::error);
  put("etc/os-release", "PRETTY_NAME=\"Fedora Linux 43\"\nID=fedora\nVERSION_ID=43\n");
  EXPECT_EQ(finding("machine.system").severity, Severity::note);
  EXPECT_EQ(finding("machine.system").found, "Fedora Linux 43");
}

TEST_F(MachineDoctor, CountsProcessorsAndMemory) {
  put("proc/cpuinfo", "processor\t: 0\n");
  EXPECT_EQ(finding("machine.cores").severity, Severity::warning);
  put("proc/meminfo", "MemAvailable:   1048576 kB\n");
  EXPECT_EQ(finding("machine.memory").severity, Severity::warning);
  EXPECT_EQ(finding("machine.memory").found, "1 GiB of memory are free");
}

TEST_F(MachineDoctor, SaysWhyKvmIsNotUsed) {
  settings_.kvm = fail("/dev/kvm: no such file");
  EXPECT_EQ(finding("machine.kvm").severity, Severity::note);
  EXPECT_EQ(finding("machine.kvm").found, "/dev/kvm: no such file");
  settings_.qemu.clear();
  EXPECT_EQ(finding("machine.qemu").severity, Severity::note);
}

TEST_F(MachineDoctor, SeesMemoryThatIsNotShared) {
  const auto qemu = [](const std::string& memory) {
    return "qemu-system-x86_64\0-object\0"s + memory + "\0-device\0vfio-user-pci,socket=x\0"s;
  };
  put("proc/17/cmdline", qemu("memory-backend-memfd,id=m,size=1G,share=on"));
  EXPECT_EQ(finding("machine.shared-memory").found, "1 running machines share their memory");
  put("proc/18/cmdline", qemu(R"({"qom-type":"memory-backend-memfd","id":"m","share":true})"));
  EXPECT_EQ(finding("machine.shared-memory").severity, Severity::ok);
  put("proc/19/cmdline", qemu("memory-backend-ram,id=m,size=1G"));
  const Finding found = finding("machine.shared-memory");
  EXPECT_EQ(found.severity, Severity::error);
  EXPECT_EQ(found.subject, "process 19");
  EXPECT_THAT(found.advice.remedy, HasSubstr("share=on"));
}

TEST_F(MachineDoctor, SeesAMachineWithoutAnyMemoryBackend) {
  put("proc/17/cmdline", "qemu-system-x86_64\0-m\0001G\0-device\0vfio-user-pci,socket=x\0"s);
  EXPECT_EQ(finding("machine.shared-memory").severity, Severity::error);
}

TEST_F(MachineDoctor, AsksNothingOfOtherProcesses) {
  put("proc/17/cmdline", "vi\0notes-on-vfio-user-pci\0"s);
  put("proc/18/cmdline", "qemu-system-x86_64\0-m\0001G\0"s);
  EXPECT_EQ(finding("machine.shared-memory").severity, Severity::ok);
}

TEST_F(MachineDoctor, SeesWhyAUserMayNotHaveNamespaces) {
  settings_.is_root = false;
  EXPECT_EQ(finding("machine.namespaces").severity, Severity::ok);
  put("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
  EXPECT_EQ(finding("machine.namespaces").severity, Severity::error);
  put("proc/sys/user/max_user_namespaces", "0\n");
  EXPECT_EQ(finding("machine.namespaces").found, "user.max_user_namespaces is 0");
  settings_.is_root = true;
  EXPECT_EQ(finding("machine.namespaces").severity, Severity::ok);
}

TEST_F(MachineDoctor, NamesThePackagesOfMissingPrograms) {
  missing_ = "mke2fs";
  EXPECT_EQ(finding("machine.programs").advice.remedy, "apt-get install e2fsprogs");
  missing_ = "newuidmap";  // root has no need of it
  EXPECT_EQ(finding("machine.programs").severity, Severity::ok);
  settings_.is_root = false;
  EXPECT_EQ(finding("machine.programs").severity, Severity::error);
}

TEST_F(MachineDoctor, SeesWhatDeadLabsHaveLeft) {
  settings_.labs = {{.name = "a"}, {.name = "b", .broken = true}};
  EXPECT_EQ(finding("machine.labs").severity, Severity::warning);
  EXPECT_EQ(finding("machine.labs").advice.remedy, "mock-device down --lab b");
  settings_.labs = {{.name = "a", .server = fail("no answer")}};
  EXPECT_EQ(finding("machine.labs").severity, Severity::error);
  settings_.labs = {{.name = "a", .broken = true, .starting = true}};
  EXPECT_EQ(finding("machine.labs").severity, Severity::ok);
}

}  // namespace
}  // namespace mockdev::doctor
