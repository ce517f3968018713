// SPDX-License-Identifier: Apache-2.0
// Where the parts of mock-device are on this computer.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "lab/architecture.h"

namespace mockdev::lab {

/// The programs and what they read, found from the running program itself: an installation and a
/// build tree look the same.
struct Installation {
  std::filesystem::path program;   ///< this program
  std::filesystem::path server;    ///< mock-accel-server
  std::filesystem::path driver;    ///< mock-accel-dra-driver
  std::filesystem::path workload;  ///< mock-device-workload
  std::filesystem::path pause;     ///< first process of a pod, for a container image
  std::filesystem::path data;      ///< share/mock-device: abi, kernel, lab, VERSION

  [[nodiscard]] std::filesystem::path lab() const { return data / "lab"; }
};

/// The programs that a guest gets.
struct GuestPrograms {
  std::filesystem::path program;   ///< mock-device
  std::filesystem::path workload;  ///< mock-device-workload
};

/// For guests of this computer's own architecture they are the installation's. Others are those of
/// a build tree beside this one, as `make arm64` fills it.
[[nodiscard]] GuestPrograms guest_programs(const Installation& installation,
                                           Architecture architecture);

/// Fails if share/mock-device is not beside the program's folder.
[[nodiscard]] Result<Installation> installation();

/// ${XDG_CACHE_HOME:-~/.cache}/mock-device.
[[nodiscard]] Result<std::filesystem::path> cache_folder();

/// ${MOCK_DEVICE_RUN_DIR:-${XDG_RUNTIME_DIR:-/tmp/mock-device-UID}/mock-device}: has a folder for
/// each lab.
[[nodiscard]] std::filesystem::path labs_folder();

}  // namespace mockdev::lab
