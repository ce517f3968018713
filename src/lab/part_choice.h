// SPDX-License-Identifier: Apache-2.0
// The part of a lab that a user means.
#pragma once

#include <string_view>

#include "base/error.h"
#include "lab/lab.h"

namespace mockdev::lab {

/// The node of this name; the first if the name is empty. The error says which there are.
[[nodiscard]] Result<NodeStatus> choose_node(const LabStatus& lab, std::string_view name);

/// That a lab has no cluster.
[[nodiscard]] std::unexpected<Error> no_kubernetes(std::string_view lab);

/// choose_node, which fails if the node does not run.
[[nodiscard]] Result<NodeStatus> choose_running_node(const LabStatus& lab, std::string_view name);

}  // namespace mockdev::lab
