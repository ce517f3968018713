// SPDX-License-Identifier: Apache-2.0
// Slices in the words of the API's versions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "dra/slices.h"

namespace mockdev::dra {

/// "devices" and "sharedCounters" of a ResourceSlice's spec, as `api_version` has them. Members
/// without content are left out.
[[nodiscard]] nlohmann::json content_json(const Slice& slice, std::string_view api_version);

/// "attributes" of a device, the same in all versions.
[[nodiscard]] nlohmann::json attributes_json(const std::map<std::string, AttributeValue>& values);

/// The same members of a spec as it is stored, in a form in which equal things are equal texts:
/// without what the server adds (times of taints, empty lists), and with quantities as plain
/// numbers. What content_json gives is equal to what a server makes of it, unless that dropped or
/// changed something.
[[nodiscard]] nlohmann::json normalized_content(const nlohmann::json& spec);

/// A text that is equal for equal normalized_content.
[[nodiscard]] std::string content_digest(const nlohmann::json& spec);

/// What a server leaves out whose feature gates are off.
struct DroppedFields {
  bool taints = false;    ///< DRADeviceTaints
  bool counters = false;  ///< DRAPartitionableDevices
};

/// What of `sent` (a spec) is not in `stored`.
[[nodiscard]] DroppedFields dropped_fields(const nlohmann::json& sent,
                                           const nlohmann::json& stored);

}  // namespace mockdev::dra
