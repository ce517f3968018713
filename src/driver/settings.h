// SPDX-License-Identifier: Apache-2.0
// What the command line of mock-accel-dra-driver asks for.
#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <string>

#include "dra/names.h"

namespace mockdev::driver {

/// Where an HTTP or gRPC port listens. Port 0 or less: nowhere.
struct Listen {
  std::string address = "0.0.0.0";
  int port = 0;
};

struct AgentSettings {
  dra::NodeName node;
  dra::DriverName driver;
  std::filesystem::path kubeconfig;  ///< empty: KUBECONFIG, or the pod's own cluster
  std::string api_version;           ///< of resource.k8s.io; empty: the newest that is served

  std::filesystem::path sysfs;
  std::filesystem::path dev;
  std::filesystem::path cdi_root;
  std::filesystem::path registry_folder;
  std::filesystem::path plugins_folder;
  std::string pod_uid;          ///< this pod's
  bool rolling_update = false;  ///< sockets with names of this pod's own

  bool short_keys = false;
  bool short_pool_names = false;
  bool nodepartition_alias = true;
  bool dranet_alias = false;
  bool shared_counters = true;  ///< where the API server has them

  Listen health;  ///< gRPC health
  Listen http;    ///< /metrics, /healthz, /readyz
  std::chrono::seconds rescan{60};
  std::chrono::seconds orphan_check{600};
  std::chrono::milliseconds repair_delay{5000};
  std::string log_level;
};

/// A command line that leads to no agent: the text that it gets and the exit code, 0 for help and
/// version, 2 for what is wrong.
struct Refusal {
  int exit_code = 0;
  std::string text;
};

/// Reads the command line and the environment variables that stand in for its flags.
[[nodiscard]] std::expected<AgentSettings, Refusal> read_settings(int argc,
                                                                  const char* const* argv);

}  // namespace mockdev::driver
