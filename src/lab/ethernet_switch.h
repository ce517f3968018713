// SPDX-License-Identifier: Apache-2.0
// An Ethernet switch for guests: each connects its network card, as QEMU's "stream" network does,
// to a UNIX socket. A frame is its length in four bytes, big-endian, and its bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <poll.h>

#include "base/unique_fd.h"

namespace mockdev::lab {

using MacAddress = std::array<std::uint8_t, 6>;

/// One thread. A guest that reads too slowly loses frames, and holds up nobody.
class EthernetSwitch {
 public:
  EthernetSwitch() = default;

  /// A guest has connected.
  void add(UniqueFd guest);

  /// For poll(2): the guests' sockets, in a certain order.
  [[nodiscard]] std::vector<pollfd> waits() const;

  /// Takes the frames of the guests whose sockets, as waits() gave them, have something, and passes
  /// them on. Forgets guests that have gone.
  void serve(const std::vector<pollfd>& ready);

 private:
  struct Port {
    UniqueFd socket;
    // NOLINTNEXTLINE(readability-redundant-member-init): so that initializers may leave it out
    std::vector<std::byte> received = {};  ///< the beginning of a frame, or nothing
    bool gone = false;
  };

  void receive(Port& port);
  /// `message` is a frame with its length.
  void forward(Port& from, std::span<const std::byte> message);

  std::vector<std::unique_ptr<Port>> ports_;
  std::map<MacAddress, Port*> seen_;  ///< which port an address was seen at last
};

}  // namespace mockdev::lab
