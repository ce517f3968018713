// SPDX-License-Identifier: Apache-2.0
// UUIDs (RFC 9562): device identities and claim UIDs.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mockdev {

/// A UUID as its 16 bytes in the order in which they are written ("network order").
class Uuid {
 public:
  using Bytes = std::array<std::byte, 16>;

  /// The nil UUID: sixteen zero bytes, here "none".
  constexpr Uuid() = default;
  constexpr explicit Uuid(const Bytes& bytes) : bytes_(bytes) {}

  [[nodiscard]] constexpr const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] constexpr bool is_nil() const { return *this == Uuid{}; }
  constexpr auto operator<=>(const Uuid&) const = default;

 private:
  Bytes bytes_{};
};

/// Reads the 36-character form, in upper or lower case.
[[nodiscard]] Result<Uuid> parse_uuid(std::string_view text);

/// The 36-character form in lower case.
[[nodiscard]] std::string to_string(const Uuid& uuid);

/// The name-based UUID (version 5, SHA-1) of `name` within this project's own namespace: the same
/// name gives the same UUID on every machine.
[[nodiscard]] Uuid uuid_of_name(std::string_view name);

}  // namespace mockdev

template <>
struct fmt::formatter<mockdev::Uuid> : fmt::formatter<std::string> {
  auto format(const mockdev::Uuid& uuid, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(mockdev::to_string(uuid), context);
  }
};
