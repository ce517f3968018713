// SPDX-License-Identifier: Apache-2.0
// CDI files: how the container runtime learns what a claim's containers get.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "dra/device_metadata.h"
#include "dra/names.h"

namespace mockdev::dra {

/// A device that a claim's containers get.
struct CdiDevice {
  DeviceName device;        ///< "mock0-vf3"
  std::string kernel_name;  ///< "mock0_vf3"
  std::string uuid;
  std::string pci;
  std::string numa;                          ///< "-1": the machine does not say
  std::map<std::string, std::string> env{};  ///< the claim's own settings
};

/// A folder of CDI files, one a claim: `k8s.mock-accel.example.com-claim_UID.json`, with one CDI
/// device a device. Each device brings /dev/NAME and the variables
///
///     MOCK_ACCEL_<n>_NAME, _UUID, _PCI, _NUMA, _NODE   n: its place in the claim, from 0
///
/// and with the first comes MOCK_ACCEL_DEVICES=mock0,mock0_vf3; for a claim of one device also
/// MOCK_ACCEL_UUID, MOCK_ACCEL_PCI and MOCK_ACCEL_DEVICE (/dev/mock0). _NODE is the device's node,
/// /dev/mock0. A container that has two claims sees the variables of one of them where both set the
/// same.
///
/// Besides, a CDI device a request that has metadata brings its file. Not thread-safe.
class CdiFolder {
 public:
  /// `dev` is where the device nodes are on the host.
  CdiFolder(std::filesystem::path folder, DriverName driver, std::filesystem::path dev = "/dev");

  /// The name by which the kubelet asks the runtime for a device: "vendor/class=name".
  [[nodiscard]] std::string device_id(const ClaimUid& claim, const DeviceName& device) const;
  /// The same for the metadata of a request.
  [[nodiscard]] std::string metadata_id(const ClaimUid& claim, const std::string& request) const;

  /// Writes a claim's file, or leaves it if it says the same already. Readers see the old file or
  /// the new one. Makes the folder where there is none. After a failure (a full disk, a read-only
  /// file system) there is what there was before.
  [[nodiscard]] Result<void> write(const ClaimUid& claim, const std::vector<CdiDevice>& devices,
                                   const std::vector<MetadataFile>& metadata = {}) const;
  /// Removes a claim's file. Success if there is none.
  [[nodiscard]] Result<void> remove(const ClaimUid& claim) const;

  /// The claims that have files here. A folder that is not there has none.
  [[nodiscard]] Result<std::vector<ClaimUid>> claims() const;
  /// Removes parts of files of ours that a write which was killed has left.
  void remove_leftovers() const;

 private:
  [[nodiscard]] std::string prefix() const;
  [[nodiscard]] std::string id(const std::string& name) const;
  [[nodiscard]] std::filesystem::path file(const ClaimUid& claim) const;

  std::filesystem::path folder_;
  DriverName driver_;
  std::filesystem::path dev_;
};

}  // namespace mockdev::dra
