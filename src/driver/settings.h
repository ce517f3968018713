// SPDX-License-Identifier: Apache-2.0
// What the command line of mock-accel-dra-driver asks for.
#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <string>
#include <variant>

#include "dra/names.h"
#include "dra/slices.h"

namespace mockdev::driver {

/// Where an HTTP or gRPC port listens. Port 0 or less: nowhere.
struct Listen {
  std::string address = "0.0.0.0";
  int port = 0;
};

/// What every part of the driver is told.
struct CommonSettings {
  dra::DriverName driver;
  std::filesystem::path kubeconfig;  ///< empty: KUBECONFIG, or the pod's own cluster
  std::string api_version;           ///< of resource.k8s.io; empty: the newest that is served
  Listen health;                     ///< gRPC health
  Listen http;                       ///< /metrics, /healthz, /readyz, /doctor
  std::string log_level;
  int qps = 100;  ///< requests a second to the API server, in the long run
};

/// The attributes of devices that readers differ about.
struct AttributeNames {
  bool short_keys = false;
  bool nodepartition_alias = true;
  bool dranet_alias = false;
  bool socket_alias = false;
};

struct AgentSettings {
  CommonSettings common;
  dra::NodeName node;

  std::filesystem::path sysfs;
  std::filesystem::path dev;
  std::filesystem::path cdi_root;
  std::filesystem::path registry_folder;
  std::filesystem::path plugins_folder;
  std::string pod_uid;          ///< this pod's
  bool rolling_update = false;  ///< sockets with names of this pod's own

  AttributeNames attributes;
  bool short_pool_names = false;
  bool shared_counters = true;  ///< where the API server has them
  bool device_metadata = true;  ///< for containers, in files
  bool claim_status = false;    ///< prepared claims say how their devices are
  bool claim_events = true;     ///< claims and pods get events of their devices

  unsigned vfs = 0;  ///< that each PF is divided into; 0: as they are

  std::chrono::seconds rescan{60};
  std::chrono::seconds orphan_check{600};
  std::chrono::milliseconds repair_delay{5000};
};

struct ControllerSettings {
  CommonSettings common;
  std::string ns;                   ///< namespace of the Lease and of the agents' pods
  std::string identity;             ///< this replica's, unique
  std::string agent_selector;       ///< label selector of the agents' pods; empty: not asked
  std::chrono::seconds grace{120};  ///< before slices of a node that nobody serves go
  std::filesystem::path simulated;  ///< topology file of the simulated nodes; empty: none
  AttributeNames attributes;        ///< of their devices
};

/// Looks at a cluster, or at one node of it, once.
struct DoctorSettings {
  CommonSettings common;
  std::string node;      ///< whose agent is to be asked; empty: the whole cluster
  std::string selector;  ///< label selector of mock-device's pods
};

using Settings = std::variant<AgentSettings, ControllerSettings, DoctorSettings>;

/// How slices are made, but for the node's name and the form of pools' names.
[[nodiscard]] dra::SliceSettings slice_settings(const CommonSettings& common,
                                                const AttributeNames& attributes);

/// A command line that starts nothing: the text that it gets and the exit code, 0 for help and
/// version, 2 for what is wrong.
struct Refusal {
  int exit_code = 0;
  std::string text;
};

/// Reads the command line and the environment variables that stand in for its flags.
[[nodiscard]] std::expected<Settings, Refusal> read_settings(int argc, const char* const* argv);

}  // namespace mockdev::driver
