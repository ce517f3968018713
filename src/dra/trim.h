// SPDX-License-Identifier: Apache-2.0
// What is kept of objects that are watched by the ten thousand.
#pragma once

#include <cstddef>

#include <nlohmann/json.hpp>

namespace mockdev::dra {

/// Slices a request: a whole one has some hundred kilobytes in memory until it is trimmed.
inline constexpr std::size_t kSlicesPerPage = 100;

/// Leaves who the object is and where: metadata's name, namespace, uid, resourceVersion and labels,
/// and spec.nodeName.
void trim_to_identity(nlohmann::json& object);

}  // namespace mockdev::dra
