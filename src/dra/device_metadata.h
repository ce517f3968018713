// SPDX-License-Identifier: Apache-2.0
// Device metadata (Kubernetes' KEP-5304): files from which a container reads what its devices are,
// without asking the API server.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "discovery/device.h"
#include "dra/claim.h"
#include "dra/names.h"
#include "dra/slices.h"

namespace mockdev::dra {

/// A file of the host that containers which use a request get to see.
struct MetadataFile {
  std::string request;              ///< without "/subrequest"
  std::filesystem::path host;       ///< where it is
  std::filesystem::path container;  ///< where a container finds it
};

/// A device of a claim, and what its result in the claim says of it.
struct ClaimedDevice {
  const AllocatedDevice* allocated;
  const discovery::Device* device;
};

/// A folder with one file a request of each prepared claim, `CLAIM-UID/REQUEST/metadata.json`. A
/// container sees it at
///
///     /var/run/kubernetes.io/dra-device-attributes/
///         resourceclaims/CLAIM/REQUEST/DRIVER-metadata.json
///         resourceclaimtemplates/POD-CLAIM/REQUEST/DRIVER-metadata.json
///
/// the second for a claim that was made from a template; POD-CLAIM is its name in the pod. The file
/// holds the same object DeviceMetadata in each version of metadata.resource.k8s.io that is known,
/// newest first; readers take the first one that they know. Attributes are those of the slice. Not
/// thread-safe.
class MetadataFolder {
 public:
  MetadataFolder(std::filesystem::path folder, SliceSettings settings);

  /// Writes the files of a claim, or leaves those that say the same already. After a failure some
  /// may be there: nothing refers to them, and remove takes them away.
  [[nodiscard]] Result<std::vector<MetadataFile>> write(
      const Claim& claim, const std::vector<ClaimedDevice>& devices) const;
  /// Removes the files of a claim. Success if there are none.
  [[nodiscard]] Result<void> remove(const ClaimUid& claim) const;
  /// The claims that have files here. A folder that is not there has none.
  [[nodiscard]] Result<std::vector<ClaimUid>> claims() const;

 private:
  std::filesystem::path folder_;
  SliceSettings settings_;
};

}  // namespace mockdev::dra
