// SPDX-License-Identifier: Apache-2.0
// Addresses of a cluster's machines and pods. The machines have a network of their own, whose
// switch is a process of the lab; the network that every guest has leads to this computer and
// beyond.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace mockdev::lab {

/// As guests reach this computer's loopback address. make-certificates puts it into the API
/// server's certificate.
inline constexpr const char* kHostForGuests = "10.0.2.2";
inline constexpr const char* kServiceRange = "10.96.0.0/16";
inline constexpr const char* kPodRanges = "10.244.0.0/16";
inline constexpr unsigned kNodePrefix = 24;  ///< of the network of machines, in bits
inline constexpr std::size_t kMaxNodes = 200;

/// A machine of the cluster.
struct NodeAddress {
  std::string name;
  std::string address;    ///< "10.77.0.10"
  std::string pod_range;  ///< of the pods on it: "10.244.0.0/24"
  std::string mac;        ///< of its card in the network of machines
};

/// The machine with this number in the topology, of the first kMaxNodes.
[[nodiscard]] inline NodeAddress node_address(std::size_t number, const std::string& name) {
  constexpr std::size_t kFirst = 10;
  return {.name = name,
          .address = fmt::format("10.77.0.{}", kFirst + number),
          .pod_range = fmt::format("10.244.{}.0/24", number),
          .mac = fmt::format("52:54:00:77:00:{:02x}", kFirst + number)};
}

}  // namespace mockdev::lab
