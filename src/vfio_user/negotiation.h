// SPDX-License-Identifier: Apache-2.0
// VERSION: what client and server tell each other first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "vfio_user/protocol.h"
#include "vfio_user/refusal.h"

namespace mockdev::vfio_user {

/// What a client said of itself, or what the specification has for one that didn't.
struct ClientLimits {
  std::uint16_t minor = 0;
  std::uint64_t max_data_transfer = protocol::kMaxDataTransfer;  ///< bytes of memory in a message
  std::uint32_t max_descriptors = 1;                             ///< in a message
};

/// Reads the body of a client's VERSION: a protocol::Version, and optionally a JSON object with a
/// final NUL. Unknown keys are ignored. Refuses another major version, and JSON that is none, is
/// longer than 4096 bytes or has a value of the wrong kind.
[[nodiscard]] std::expected<ClientLimits, Refusal> parse_version(std::span<const std::byte> body);

/// The version to answer with: the lower of both sides' minor numbers, since QEMU refuses one that
/// is higher than its own.
[[nodiscard]] protocol::Version agreed_version(const ClientLimits& client);

/// What the server says of itself: the JSON text and its final NUL. QEMU receives no reply larger
/// than its request, which leaves 194 bytes for it.
[[nodiscard]] std::span<const std::byte> server_capabilities();

}  // namespace mockdev::vfio_user
