// SPDX-License-Identifier: Apache-2.0
// The names of this room: all are texts, and none may stand where another belongs.
#pragma once

#include <compare>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace mockdev::dra {

/// A text with a meaning. Prints itself as it is.
template <typename Meaning>
class Name {
 public:
  Name() = default;
  explicit Name(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& text() const { return text_; }
  auto operator<=>(const Name&) const = default;

 private:
  std::string text_;
};

using NodeName = Name<struct NodeNameMeaning>;
using DriverName = Name<struct DriverNameMeaning>;
using PoolName = Name<struct PoolNameMeaning>;      ///< "node1/numa0"
using DeviceName = Name<struct DeviceNameMeaning>;  ///< in slices and claims: "mock0-vf3"
using ClaimUid = Name<struct ClaimUidMeaning>;      ///< as the API server gave it

}  // namespace mockdev::dra

template <typename Meaning>
struct fmt::formatter<mockdev::dra::Name<Meaning>> : fmt::formatter<std::string> {
  auto format(const mockdev::dra::Name<Meaning>& name, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(name.text(), context);
  }
};
