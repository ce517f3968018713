// SPDX-License-Identifier: Apache-2.0
#include "doctor/node.h"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/testing.h"
#include "discovery/testing.h"
#include "doctor/testing.h"

namespace mockdev::doctor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A node on which all is well, until a test breaks something.
class NodeDoctor : public testing::Test {
 protected:
  NodeDoctor() {
    sysfs_.add({.name = "mock0"});
    put("proc/sys/kernel/osrelease", "6.12.117+deb13-amd64\n");
    put("proc/sys/kernel/tainted", "12288\n");  // foreign modules, without signature
    put("lib/modules/6.12.117+deb13-amd64/build", "");
    put("sys/module/mock_accel/version", MOCK_DEVICE_VERSION "\n");
    put("sys/module/apparmor/parameters/enabled", "Y\n");
    put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
    put("dev/mock0", "");
    add_function("0000:00:02.0", "0x00fb");
    add_function("0001:01:00.0", "0x0001");
    for (const char* const folder : {"plugins", "plugins_registry", "cdi"}) {
      fs::create_directories(root() / folder);
    }
    programs_["containerd --version"] = "containerd github.com/containerd/containerd 1.7.24~ds1";
    programs_["containerd config dump"] = "[plugins]\n    enable_cdi = true\n";
    programs_["runc --version"] = "runc version 1.1.15+ds1\nspec: 1.2.0\n";
    programs_["dmesg"] = "[    1.0] nothing\n";
  }

  [[nodiscard]] const fs::path& root() const { return root_.path(); }

  void put(const fs::path& path, std::string_view content) const {
    fs::create_directories((root() / path).parent_path());
    ASSERT_TRUE(write_file(root() / path, content));
  }

  /// A PCI function of mock-device, with a driver.
  void add_function(const std::string& bdf, std::string_view device_id) const {
    const fs::path folder = fs::path("sys/bus/pci/devices") / bdf;
    put(folder / "vendor", "0x1de5\n");
    put(folder / "device", device_id);
    put(folder / "driver", "");
  }

  [[nodiscard]] Report look(bool confined = false) const {
    NodeSettings settings{.name = "node0",
                          .root = root(),
                          .sysfs = sysfs_.path(),
                          .dev = root() / "dev",
                          .cdi_root = root() / "cdi",
                          .registry_folder = root() / "plugins_registry",
                          .plugins_folder = root() / "plugins",
                          .confined = confined};
    if (!confined) {
      settings.run = [this](const std::vector<std::string>& argv) -> Result<std::string> {
        const auto found = programs_.find(fmt::format("{}", fmt::join(argv, " ")));
        if (found == programs_.end()) return fail("{}: not installed", argv[0]);
        return found->second;
      };
    }
    Report report;
    check_node(settings, report);
    return report;
  }

  /// The worst finding of a check.
  [[nodiscard]] Finding finding(std::string_view id, bool confined = false) const {
    return worst_finding(look(confined), id);
  }

  TemporaryFolder root_;
  discovery::FakeSysfs sysfs_;
  std::map<std::string, std::string> programs_;
};

TEST_F(NodeDoctor, FindsNothingWrongWithAHealthyNode) {
  const Report report = look();
  for (const Finding& one : report.findings()) {
    EXPECT_EQ(one.severity, Severity::ok) << one.id << ": " << one.found;
  }
  for (const CheckText& check : node_checks()) {
    EXPECT_TRUE(std::ranges::any_of(report.findings(), [&](const Finding& one) {
      return one.id == check.id;
    })) << check.id;
  }
}

TEST_F(NodeDoctor, ComparesTheKernel) {
  put("proc/sys/kernel/osrelease", "5.15.0-generic\n");
  EXPECT_EQ(finding("node.kernel").severity, Severity::error);
  EXPECT_EQ(finding("node.headers").severity, Severity::note);
  EXPECT_THAT(finding("node.headers").found, HasSubstr("5.15.0-generic"));
}

TEST_F(NodeDoctor, MissesTheModule) {
  fs::remove_all(sysfs_.class_folder());
  const Finding found = finding("node.module");
  EXPECT_EQ(found.severity, Severity::error);
  EXPECT_THAT(found.advice.remedy, HasSubstr("modprobe -a mock-accel-fabric mock-accel"));
}

TEST_F(NodeDoctor, CountsWhatIsOnThePciBus) {
  EXPECT_EQ(finding("node.pci").found, "1 bridges, 1 PFs on the PCI bus, with drivers");
}

TEST_F(NodeDoctor, MissesTheDriverOfABridge) {
  fs::remove(root() / "sys/bus/pci/devices/0000:00:02.0/driver");
  const Finding found = finding("node.pci");
  EXPECT_EQ(found.severity, Severity::error);
  EXPECT_EQ(found.found, "1 of 1 bridges have no driver; 0000:00:02.0 is one");
  EXPECT_EQ(found.advice.needed, "the module mock-accel-fabric with each of them");
  EXPECT_THAT(found.advice.remedy, HasSubstr("modprobe"));
  put("sys/module/mock_accel_fabric/version", MOCK_DEVICE_VERSION "\n");
  EXPECT_EQ(finding("node.pci").advice.remedy,
            "the module is loaded: dmesg | grep 0000:00:02.0 says why it did not take this one; "
            "where nothing does: echo mock-accel-fabric "
            ">/sys/bus/pci/devices/0000:00:02.0/driver_override, then echo 0000:00:02.0 "
            ">/sys/bus/pci/drivers_probe");
}

TEST_F(NodeDoctor, MissesAccelerators) {
  fs::remove_all(root() / "sys/bus/pci/devices");
  EXPECT_EQ(finding("node.pci").severity, Severity::ok);  // a server may give others their numbers
  fs::remove(sysfs_.class_folder() / "mock0");
  EXPECT_EQ(finding("node.pci").severity, Severity::warning);
  EXPECT_EQ(finding("node.pci", true).severity, Severity::note);
}

TEST_F(NodeDoctor, SeesAModuleOfAnotherVersion) {
  put("sys/module/mock_accel/version", "0.0.9\n");
  EXPECT_EQ(finding("node.module").severity, Severity::warning);
  EXPECT_THAT(finding("node.module").found, HasSubstr("0.0.9"));
}

TEST_F(NodeDoctor, SeesAnAbiThatTheDriverDoesNotSpeak) {
  sysfs_.set("mock0", "abi_version", "7");
  EXPECT_EQ(finding("node.abi").severity, Severity::error);
  EXPECT_EQ(finding("node.abi").found, "mock0 has ABI 7");
}

TEST_F(NodeDoctor, SeesAccidentsOfTheKernel) {
  put("proc/sys/kernel/tainted", "12416\n");  // 128: an oops
  EXPECT_EQ(finding("node.taint").severity, Severity::warning);
  EXPECT_THAT(finding("node.taint").found, HasSubstr("oops"));
}

TEST_F(NodeDoctor, NamesLockdownWhereTheModuleIsNotLoaded) {
  put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  EXPECT_EQ(finding("node.secure-boot").severity, Severity::ok);  // it was loaded: it is signed
  fs::remove_all(sysfs_.class_folder());
  put("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
      std::string("\x06\0\0\0\x01", 5));
  const Finding found = finding("node.secure-boot");
  EXPECT_EQ(found.severity, Severity::error);
  EXPECT_THAT(found.found, HasSubstr("lockdown: integrity, Secure Boot: on"));
}

TEST_F(NodeDoctor, SeesAttributesThatMakeNoSense) {
  sysfs_.set("mock0", "uuid", "none");
  EXPECT_EQ(finding("node.sysfs").severity, Severity::error);
  EXPECT_THAT(finding("node.sysfs").found, HasSubstr("mock0"));
}

TEST_F(NodeDoctor, MissesADeviceNode) {
  fs::remove(root() / "dev/mock0");
  EXPECT_EQ(finding("node.device-nodes").severity, Severity::error);
  EXPECT_EQ(finding("node.device-nodes", true).severity, Severity::note);
}

TEST_F(NodeDoctor, MissesTheKubeletsFolders) {
  fs::remove(root() / "plugins_registry");
  EXPECT_EQ(finding("node.paths").severity, Severity::error);
  EXPECT_THAT(finding("node.paths").found, HasSubstr("plugins_registry"));
}

TEST_F(NodeDoctor, DoesNotMissTheFolderOfCdi) {
  fs::remove(root() / "cdi");
  EXPECT_EQ(finding("node.paths").severity, Severity::ok);
}

TEST_F(NodeDoctor, WantsCdiOnInOldContainerd) {
  programs_["containerd config dump"] = "[plugins]\n    enable_cdi = false\n";
  const Finding off = finding("node.runtime");
  EXPECT_EQ(off.severity, Severity::error);
  EXPECT_THAT(off.advice.remedy, HasSubstr("enable_cdi = true"));
  // The file counts where the program does not say.
  programs_.erase("containerd config dump");
  EXPECT_EQ(finding("node.runtime").severity, Severity::error);
  put("etc/containerd/config.toml", "version = 2\n  enable_cdi=true\n");
  EXPECT_EQ(finding("node.runtime").severity, Severity::ok);
}

TEST_F(NodeDoctor, TrustsNewContainerdUnlessCdiIsSwitchedOff) {
  programs_["containerd --version"] = "containerd github.com/containerd/containerd/v2 v2.1.4";
  programs_.erase("containerd config dump");
  EXPECT_EQ(finding("node.runtime").severity, Severity::ok);
  programs_["containerd config dump"] = "\nenable_cdi = false\n";
  EXPECT_EQ(finding("node.runtime").severity, Severity::error);
}

TEST_F(NodeDoctor, KnowsCrio) {
  programs_.clear();
  programs_["crio --version"] = "crio version 1.34.1\n";
  programs_["crun --version"] = "crun version 1.21\n";
  EXPECT_EQ(finding("node.runtime").found, "CRI-O 1.34.1");
  EXPECT_EQ(finding("node.oci-runtime").found, "crun 1.21.0");
}

TEST_F(NodeDoctor, MissesRuntimes) {
  programs_.clear();
  EXPECT_EQ(finding("node.runtime").severity, Severity::warning);
  EXPECT_EQ(finding("node.oci-runtime").severity, Severity::warning);
}

TEST_F(NodeDoctor, ShowsWhatSelinuxHasRefused) {
  put("sys/fs/selinux/enforce", "1");
  EXPECT_EQ(finding("node.selinux").found, "SELinux is enforcing, no denial is in the logs");
  programs_["dmesg"] = "audit: avc:  denied  { write } for comm=\"mock-accel-dra-\"\n";
  EXPECT_EQ(finding("node.selinux").severity, Severity::error);
}

TEST_F(NodeDoctor, ReadsWhatAuditdHasWrittenSinceTheStart) {
  put("sys/fs/selinux/enforce", "1");
  put("proc/stat", "cpu 1 2\nbtime 1764288000\n");
  const std::string denial = ":45): avc:  denied  { write } for comm=\"mock-accel-dra-\"\n";
  put("var/log/audit/audit.log", "type=AVC msg=audit(1764287999.9" + denial);
  EXPECT_EQ(finding("node.selinux").severity, Severity::ok);
  put("var/log/audit/audit.log", "type=AVC msg=audit(1764288000.1" + denial);
  EXPECT_EQ(finding("node.selinux").severity, Severity::error);
  // The file was full, and another has begun.
  fs::rename(root() / "var/log/audit/audit.log", root() / "var/log/audit/audit.log.1");
  EXPECT_EQ(finding("node.selinux").severity, Severity::error);
  put("var/log/audit/audit.log", "type=DAEMON_ROTATE msg=audit(1764288001.2:46): op=rotate\n");
  EXPECT_EQ(finding("node.selinux").severity, Severity::error);
}

TEST_F(NodeDoctor, DoesNotSayThatNothingWasRefusedWhereItCannotLook) {
  put("sys/fs/selinux/enforce", "1");
  programs_.erase("dmesg");
  for (const char* const id : {"node.selinux", "node.apparmor"}) {
    EXPECT_EQ(finding(id).severity, Severity::note);
    EXPECT_THAT(finding(id).found, HasSubstr("what it has refused can't be seen"));
  }
}

TEST_F(NodeDoctor, WantsAuditdsLogToo) {
  put("sys/fs/selinux/enforce", "1");
  const fs::path log = root() / "var/log/audit/audit.log";
  fs::create_directories(log.parent_path());
  EXPECT_EQ(finding("node.selinux").severity, Severity::ok);
  fs::create_symlink(log.filename(), log);  // nobody can read it, not even root
  EXPECT_EQ(finding("node.selinux").severity, Severity::note);
  programs_["dmesg"] = "audit: avc:  denied  { write } for comm=\"mock-accel-dra-\"\n";
  EXPECT_EQ(finding("node.selinux").severity, Severity::error);
  programs_.erase("dmesg");
  fs::remove(log);
  // It has nothing of what was before it.
  put("var/log/audit/audit.log", "type=DAEMON_START msg=audit(1764288001.2:46): op=start\n");
  EXPECT_EQ(finding("node.selinux").severity, Severity::note);
}

TEST_F(NodeDoctor, ShowsWhatApparmorHasRefused) {
  programs_["dmesg"] =
      "audit: apparmor=\"DENIED\" operation=\"open\" comm=\"firefox\"\n"
      "audit: apparmor=\"DENIED\" operation=\"open\" comm=\"mock-accel-dra-\"\n";
  const Finding found = finding("node.apparmor");
  EXPECT_EQ(found.severity, Severity::error);
  EXPECT_THAT(found.found, HasSubstr("1 times"));
  put("sys/module/apparmor/parameters/enabled", "N\n");
  EXPECT_EQ(finding("node.apparmor").severity, Severity::ok);
}

TEST_F(NodeDoctor, DoesNotBlameANodeForWhatAPodCannotSee) {
  for (const char* const hidden : {"lib/modules", "sys/kernel", "dev/mock0"}) {
    fs::remove_all(root() / hidden);
  }
  const Report report = look(true);
  EXPECT_EQ(report.count(Severity::error), 0U);
  EXPECT_EQ(report.count(Severity::warning), 0U);
  EXPECT_THAT(finding("node.runtime", true).found, HasSubstr("can't be seen from the agent's pod"));
}

}  // namespace
}  // namespace mockdev::doctor
