// SPDX-License-Identifier: Apache-2.0
// The machine of a lab that a user means.
#pragma once

#include <string_view>

#include "base/error.h"
#include "lab/lab.h"

namespace mockdev::lab {

/// The node of this name; the first if the name is empty. The error says which there are.
[[nodiscard]] Result<NodeStatus> choose_node(const LabStatus& lab, std::string_view name);

/// choose_node, which fails if the node does not run.
[[nodiscard]] Result<NodeStatus> choose_running_node(const LabStatus& lab, std::string_view name);

}  // namespace mockdev::lab
