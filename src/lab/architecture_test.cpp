// SPDX-License-Identifier: Apache-2.0
#include "lab/architecture.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/installation.h"
#include "lab/plan.h"
#include "lab/qemu_tree.h"

namespace mockdev::lab {
namespace {

using testing::ElementsAre;

constexpr Architecture kArm64 = Architecture::arm64;

/// What is said of a lab of arm64 machines with one more option; empty: nothing.
std::string refusal_of(const std::function<void(UpOptions&)>& add_option) {
  UpOptions options;
  options.architecture = kArm64;
  add_option(options);
  const auto checked = check_architecture(options);
  return checked ? "" : checked.error().message;
}

TEST(Packages, OfAnArchitectureHaveItsName) {
  const std::vector<std::string> packages = {"linux-image-amd64", "udev"};
  EXPECT_THAT(packages_for(kArm64, packages), ElementsAre("linux-image-arm64:arm64", "udev"));
  EXPECT_EQ(packages_for(Architecture::amd64, packages), packages);
}

TEST(ForeignMachine, RefusesWhatItGoesWithout) {
  EXPECT_EQ(refusal_of([](UpOptions& options) { options.kubernetes = {.minor = 36, .patch = 3}; }),
            "arch: arm64: its machines go without --kubernetes: leave out one of both");
  EXPECT_EQ(refusal_of([](UpOptions& options) { options.kubernetes_programs = "/bin"; }),
            "arch: arm64: its machines go without --kubernetes: leave out one of both");
  EXPECT_EQ(refusal_of([](UpOptions& options) { options.kmm = true; }),
            "arch: arm64: its machines go without --kmm: leave out one of both");
  EXPECT_EQ(refusal_of([](UpOptions& options) { options.kernel = GuestKernel::linux_6_1; }),
            "arch: arm64: its machines go without --kernel: leave out one of both");
  EXPECT_EQ(refusal_of([](UpOptions& options) { options.accelerator = Accelerator::kvm; }),
            "arch: arm64: its machines go without --accelerator kvm: leave out one of both");
}

TEST(ForeignMachine, TakesTheRest) {
  EXPECT_EQ(refusal_of([](UpOptions& options) { options.accelerator = Accelerator::tcg; }), "");
  EXPECT_EQ(refusal_of([](UpOptions& options) {
              options.architecture = Architecture::amd64;
              options.kernel = GuestKernel::debug;
            }),
            "");
}

TEST(GuestPrograms, OfAnotherArchitectureAreInABuildTreeBesideThisOne) {
  Installation installation;
  installation.program = "/src/build/debug/bin/mock-device";
  installation.workload = "/src/build/debug/bin/mock-device-workload";
  const GuestPrograms own = guest_programs(installation, Architecture::amd64);
  EXPECT_EQ(own.program, installation.program);
  EXPECT_EQ(own.workload, installation.workload);
  const GuestPrograms other = guest_programs(installation, kArm64);
  EXPECT_EQ(other.program, "/src/build/arm64/bin/mock-device");
  EXPECT_EQ(other.workload, "/src/build/arm64/bin/mock-device-workload");
}

TEST(QemuOfATree, NamesFirmwareThatItWouldNotFind) {
  const QemuProgram own = qemu_of("/cache/qemu", Architecture::amd64);
  EXPECT_THAT(
      std::vector(own.begin() + 3, own.end()),
      ElementsAre("/cache/qemu/tree/usr/bin/qemu-system-x86_64", "-L",
                  "/cache/qemu/tree/usr/share/qemu", "-L", "/cache/qemu/tree/usr/share/seabios"));
  const QemuProgram other = qemu_of("/cache/qemu", kArm64);
  EXPECT_THAT(std::vector(other.begin() + 3, other.end()),
              ElementsAre("/cache/qemu/tree/usr/bin/qemu-system-aarch64", "-L",
                          "/cache/qemu/tree/usr/share/qemu", "-bios",
                          "/cache/qemu/tree/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"));
}

}  // namespace
}  // namespace mockdev::lab
