// SPDX-License-Identifier: Apache-2.0
// News of the accelerators, as the kernel tells them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace mockdev::discovery {

/// One message of the kernel about one device. A hint to look again, not a state: by the time it is
/// read, more may have happened.
struct Event {
  std::string device;  ///< "mock0_vf3"
  std::string action;  ///< "add", "remove", "change"
  std::string what;    ///< of "change": "health", "owner" or "status"
};

/// Listens to the kernel's own messages, which reach every network namespace, where those of udev
/// stay in the host's. Needs no module: it may be loaded later, unloaded, loaded again. Not
/// thread-safe.
class Monitor {
 public:
  [[nodiscard]] static Result<Monitor> open();
  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor();

  /// Readable when there is news. For poll(2).
  [[nodiscard]] int fd() const;
  /// All news since the last call; never waits. Messages may get lost when very many come at once:
  /// look at the devices now and then without being asked to.
  [[nodiscard]] std::vector<Event> news();

 private:
  struct Socket;
  explicit Monitor(std::unique_ptr<Socket> socket);
  std::unique_ptr<Socket> socket_;
};

}  // namespace mockdev::discovery
