// SPDX-License-Identifier: Apache-2.0
// Preparing claims: taking their devices and describing them to the container runtime, and the
// reverse.
//
// Who holds a device is kept in the device and nowhere else: there is no file of this driver's that
// could say something else. What a process that was killed has left is what the next one finds
// there.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "discovery/accelerators.h"
#include "dra/cdi.h"
#include "dra/claim.h"
#include "dra/device_metadata.h"
#include "dra/names.h"

namespace mockdev::dra {

/// A device of a prepared claim, as the kubelet is told of it.
struct PreparedDevice {
  std::string request;
  PoolName pool;
  DeviceName device;
  std::vector<std::string> cdi_ids;  ///< the device's own first
  std::optional<std::string> share_id;
};

/// Thread-safe: one call at a time gets through.
class Preparer {
 public:
  /// `accelerators` outlives this object. Without `metadata` containers get none.
  Preparer(discovery::Accelerators& accelerators, CdiFolder cdi,
           std::optional<MetadataFolder> metadata = std::nullopt);

  /// Takes the claim's devices, writes its metadata and CDI file and keeps its devices open, so
  /// that the kernel module can't go away under it. All or nothing: after a failure the claim holds
  /// what it held before the call. To be called as often as one likes. A device that another claim
  /// holds is refused, in a line that names that claim. Devices with admin access are described,
  /// but not taken. A claim without devices of this driver needs nothing and gets nothing.
  [[nodiscard]] Result<std::vector<PreparedDevice>> prepare(const Claim& claim);

  /// Removes the claim's files and frees the devices that it holds. Success for a claim that
  /// nobody knows. A device that no longer answers can't be freed and needs not be.
  [[nodiscard]] Result<void> unprepare(const ClaimUid& claim);

  /// Takes a device that has come back for a claim that was given it. False: the claim has it
  /// already, or is not prepared any more.
  [[nodiscard]] Result<bool> take_again(const ClaimUid& claim, const std::string& device);

  /// The claims that hold devices or have files, known by what a device knows of them, and the
  /// names that the kernel has for the devices that each holds.
  using Holders = std::map<Uuid, std::vector<std::string>>;
  [[nodiscard]] Holders holders();
  /// As unprepare, for a holder of which nothing but its UUID is known.
  [[nodiscard]] Result<void> remove_holder(const Uuid& holder);
  /// Frees one device, if `holder` holds it.
  [[nodiscard]] Result<void> take_away(const Uuid& holder, const std::string& device);

  /// Keeps open what claims hold now that were prepared by another process, one before this or one
  /// beside it, and no longer what such a process has freed. Gives the holders.
  Holders resume();
  /// Removes what a process that was killed has half written. For times in which no other one
  /// writes.
  void remove_half_written();

 private:
  struct Target;
  [[nodiscard]] Result<std::vector<Target>> targets(const Claim& claim);
  [[nodiscard]] Result<void> take(const Claim& claim, const std::vector<Target>& targets,
                                  std::vector<std::string>& taken);
  [[nodiscard]] Result<void> take(const Uuid& holder, const std::string& device);
  void give_back(const std::vector<std::string>& taken);
  [[nodiscard]] Result<std::vector<PreparedDevice>> describe(const Claim& claim,
                                                             const std::vector<Target>& targets);
  [[nodiscard]] Result<void> remove_files(const ClaimUid& claim);
  [[nodiscard]] Holders holders_of(const std::vector<discovery::Held>& all);
  [[nodiscard]] Result<std::set<ClaimUid>> claims_with_files();
  void keep_open(const Uuid& holder, const std::string& name);
  [[nodiscard]] Result<void> release(const Uuid& holder);
  [[nodiscard]] Result<void> free(const std::string& device);

  discovery::Accelerators& accelerators_;
  CdiFolder cdi_;
  std::optional<MetadataFolder> metadata_;
  std::mutex mutex_;
  std::map<Uuid, std::map<std::string, UniqueFd>> open_;  ///< by holder and device
};

}  // namespace mockdev::dra
