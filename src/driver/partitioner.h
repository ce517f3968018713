// SPDX-License-Identifier: Apache-2.0
// PFs divided into VFs, where the operator wants them so.
#pragma once

#include <set>
#include <span>
#include <string>

#include "discovery/accelerators.h"
#include "discovery/device.h"

namespace mockdev::driver {

/// Gives each PF a number of VFs as soon as nobody holds it. What has VFs already is left alone,
/// also where it has another number of them. Not thread-safe.
class Partitioner {
 public:
  /// `vfs`: of each PF; one that can't have so many gets as many as it can. 0: nothing is divided.
  /// `accelerators` outlives this object.
  Partitioner(discovery::Accelerators& accelerators, unsigned vfs);

  /// Another number, for what is not divided yet.
  void set_vfs(unsigned vfs) { vfs_ = vfs; }

  /// Divides what has to be divided; the kernel then tells of the VFs as of all new devices. Says
  /// once, not each time, what could not be, and tries again at the next call.
  void divide(std::span<const discovery::Device> devices);

 private:
  void divide(const discovery::Device& pf);

  discovery::Accelerators& accelerators_;
  unsigned vfs_;
  std::set<std::string> failed_;  ///< names of PFs
};

}  // namespace mockdev::driver
