// SPDX-License-Identifier: Apache-2.0
// What the node's devices are at the moment, handed to those who need to know.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "discovery/accelerators.h"
#include "discovery/device.h"
#include "discovery/monitor.h"

namespace mockdev::driver {

/// Whether news tell of nothing but changes in devices, which stay: some news, and no other.
[[nodiscard]] bool only_changes(std::span<const discovery::Event> news);

/// Looks at the devices and tells the log what is new about them. Not thread-safe.
class InventoryFeed {
 public:
  /// `accelerators` outlives this object.
  explicit InventoryFeed(const discovery::Accelerators& accelerators);

  /// The devices there are now. Says once, not each time, what is wrong with them: no module, a
  /// device that can't be read, one with an ABI that this driver does not speak.
  [[nodiscard]] std::vector<discovery::Device> look();
  /// The same, for only_changes(news): reads anew the devices of which they tell, and takes the
  /// others as the last look saw them.
  [[nodiscard]] std::vector<discovery::Device> look_again(std::span<const discovery::Event> news);

 private:
  /// Makes what a look has seen the last look.
  std::vector<discovery::Device> note(discovery::Inventory inventory);

  const discovery::Accelerators& accelerators_;
  discovery::Inventory last_;
  std::set<std::string> complaints_;  ///< those of the last look
  std::set<std::string> known_;       ///< "mock0 is healthy", of the last look
};

}  // namespace mockdev::driver
