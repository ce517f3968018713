// SPDX-License-Identifier: Apache-2.0
// What the doctor asks of this program: the agent of its node, and anybody of a cluster.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "discovery/device.h"
#include "driver/settings.h"

namespace mockdev::driver {

/// The agent's page /doctor: a report (doctor/report.h) with, besides, "node" and "devices", which
/// has the name, pool and UUID of each device that a server with these features is offered.
[[nodiscard]] std::string node_report(const AgentSettings& settings,
                                      const std::vector<discovery::Device>& devices,
                                      const dra::SliceFeatures& features);

/// The report on a cluster, or on one node of it. Fails if nobody can be asked.
[[nodiscard]] Result<std::string> cluster_report(const DoctorSettings& settings);

}  // namespace mockdev::driver
