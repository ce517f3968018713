// SPDX-License-Identifier: Apache-2.0
#include "driver/settings.h"

#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "kube/api_versions.h"
#include "mock_accel.h"

namespace mockdev::driver {
namespace {

constexpr int kWrongUsage = 2;
constexpr std::string_view kProgram = "mock-accel-dra-driver";
constexpr int kMaxPort = 65535;

// The command line as it was given, with the defaults.

struct CommonFlags {
  std::string driver = "mock-accel.example.com";
  std::string kubeconfig;
  std::string api_version;
  std::string health_address = "0.0.0.0";
  int health_port = 51515;  // that which KMM asks
  std::string http_address = "0.0.0.0";
  int http_port = 8080;
  std::string log_level = "info";
  int qps = 100;
};

struct AttributeFlags {
  bool short_keys = false;
  bool no_nodepartition_alias = false;
  bool dranet_alias = false;
  bool socket_alias = false;
};

struct AgentFlags {
  CommonFlags common;
  AttributeFlags attributes;
  std::string node;
  std::string sysfs = "/sys";
  std::string dev = "/dev";
  std::string cdi_root = "/var/run/cdi";
  std::string registry_folder = "/var/lib/kubelet/plugins_registry";
  std::string plugins_folder = "/var/lib/kubelet/plugins";
  std::string pod_uid;
  bool rolling_update = false;
  bool short_pool_names = false;
  bool no_shared_counters = false;
  bool no_device_metadata = false;
  bool claim_status = false;
  bool no_claim_events = false;
  int vfs = 0;
  int rescan = 60;
  int orphan_check = 600;
  int repair_delay = 5000;
};

struct ControllerFlags {
  CommonFlags common;
  AttributeFlags attributes;
  std::string ns;
  std::string pod_name;
  std::string agent_selector;
  int grace = 120;
  std::string simulated;
};

constexpr int kDay = 86400;
constexpr int kMaxQps = 10000;

CLI::Option* text(CLI::App& app, const char* flag, std::string& value, const char* variable,
                  const char* meaning, const char* type) {
  return app.add_option(flag, value, meaning)
      ->type_name(type)
      ->capture_default_str()
      ->envname(variable);
}

void number(CLI::App& app, const char* flag, int& value, const char* variable, const char* meaning,
            int least, int most) {
  app.add_option(flag, value, meaning)
      ->capture_default_str()
      ->check(CLI::Range(least, most))
      ->envname(variable);
}

void toggle(CLI::App& app, const char* flag, bool& value, const char* variable,
            const char* meaning) {
  app.add_flag(flag, value, meaning)->envname(variable);
}

// Flags whose variables have names that other projects know keep those.

void add_common_flags(CLI::App& app, CommonFlags& flags) {
  text(app, "--driver-name", flags.driver, "DRIVER_NAME", "Name of the driver", "NAME");
  text(app, "--kubeconfig", flags.kubeconfig, "MOCK_ACCEL_KUBECONFIG",
       "How to reach the API server (default: KUBECONFIG, or as a pod of the cluster)", "FILE");
  text(app, "--resource-api-version", flags.api_version, "RESOURCE_API_VERSION",
       "Version of resource.k8s.io to speak (default: the newest that the API server has)",
       "VERSION")
      ->check(CLI::IsMember(std::vector<std::string>(kube::kResourceApiVersions.begin(),
                                                     kube::kResourceApiVersions.end())));
  text(app, "--healthcheck-address", flags.health_address, "HEALTHCHECK_ADDRESS",
       "Where the gRPC health check listens", "ADDRESS");
  number(app, "--healthcheck-port", flags.health_port, "HEALTHCHECK_PORT",
         "Port of the gRPC health check, service liveness; -1: none", -1, kMaxPort);
  text(app, "--http-address", flags.http_address, "HTTP_ADDRESS", "Where HTTP listens", "ADDRESS");
  number(app, "--http-port", flags.http_port, "HTTP_PORT",
         "Port of /metrics, /healthz, /readyz and the agent's /doctor; -1: none", -1, kMaxPort);
  number(app, "--kube-api-qps", flags.qps, "KUBE_API_QPS",
         "Requests a second to the API server, in the long run; twice as many at once", 1, kMaxQps);
  text(app, "--log-level", flags.log_level, "LOG_LEVEL", std::string(kLogLevels).c_str(), "LEVEL");
}

void add_attribute_flags(CLI::App& app, AttributeFlags& flags) {
  toggle(app, "--short-attribute-names", flags.short_keys, "SHORT_ATTRIBUTE_NAMES",
         "Own attributes without the driver's name in front");
  toggle(app, "--no-nodepartition-alias", flags.no_nodepartition_alias, "NO_NODEPARTITION_ALIAS",
         "Do not publish nodepartition.dra.k8s.io/numaNode");
  toggle(app, "--dranet-alias", flags.dranet_alias, "DRANET_ALIAS",
         "Also publish dra.net/numaNode");
  toggle(app, "--socket-alias", flags.socket_alias, "SOCKET_ALIAS",
         "Also publish nodepartition.dra.k8s.io/socket");
}

void add_agent_flags(CLI::App& app, AgentFlags& flags) {
  text(app, "--node-name", flags.node, "NODE_NAME", "This node's name", "NAME")->required();
  add_common_flags(app, flags.common);
  text(app, "--sysfs", flags.sysfs, "SYSFS_ROOT", "Where sysfs is", "FOLDER");
  text(app, "--dev", flags.dev, "DEV_ROOT", "Where the device nodes are, here and on the host",
       "FOLDER");
  text(app, "--cdi-root", flags.cdi_root, "CDI_ROOT", "Folder for CDI files", "FOLDER");
  text(app, "--registrar-directory", flags.registry_folder, "KUBELET_REGISTRAR_DIRECTORY_PATH",
       "The kubelet's plugins_registry", "FOLDER");
  text(app, "--plugins-directory", flags.plugins_folder, "KUBELET_PLUGINS_DIRECTORY_PATH",
       "The kubelet's plugins", "FOLDER");
  text(app, "--pod-uid", flags.pod_uid, "POD_UID", "UID of this pod", "UID");
  toggle(app, "--rolling-update", flags.rolling_update, "ROLLING_UPDATE",
         "Let two agents overlap on a node; for kubelets from 1.33 on, needs --pod-uid");

  add_attribute_flags(app, flags.attributes);
  toggle(app, "--short-pool-names", flags.short_pool_names, "SHORT_POOL_NAMES",
         "Pools named numaN, in a cluster of one node only");
  toggle(app, "--no-shared-counters", flags.no_shared_counters, "NO_SHARED_COUNTERS",
         "Never offer a PF beside its VFs: each pool is one slice then");
  toggle(app, "--no-device-metadata", flags.no_device_metadata, "NO_DEVICE_METADATA",
         "Do not give containers files that say what their devices are");
  toggle(app, "--claim-status", flags.claim_status, "CLAIM_STATUS",
         "Write to prepared claims how their devices are; needs the right to do so");
  toggle(app, "--no-claim-events", flags.no_claim_events, "NO_CLAIM_EVENTS",
         "Write no events when a device of a claim fails, goes or is well again");

  number(app, "--vfs", flags.vfs, "VFS",
         "Divide each free PF into so many VFs, or as many as it can have; 0: leave them", 0,
         MOCK_ACCEL_MAX_VFS);
  number(app, "--rescan-seconds", flags.rescan, "RESCAN_SECONDS",
         "Pause between looks at the devices that no event asked for", 1, kDay);
  number(app, "--orphan-check-seconds", flags.orphan_check, "ORPHAN_CHECK_SECONDS",
         "Pause between searches for devices of claims that no longer exist", 1, kDay);
  number(app, "--repair-delay-ms", flags.repair_delay, "REPAIR_DELAY_MS",
         "Pause before slices that somebody else changed or removed are put right", 0, kDay);
}

void add_controller_flags(CLI::App& app, ControllerFlags& flags) {
  text(app, "--namespace", flags.ns, "POD_NAMESPACE",
       "Where its Lease is, and the pods of the node agents", "NAMESPACE")
      ->required();
  text(app, "--pod-name", flags.pod_name, "POD_NAME", "This pod's name, for the Lease", "NAME")
      ->required();
  add_common_flags(app, flags.common);
  text(app, "--agent-selector", flags.agent_selector, "AGENT_SELECTOR",
       "Label selector of the node agents' pods: slices of a node without one are removed "
       "(default: only those of nodes that are gone)",
       "SELECTOR");
  number(app, "--grace-seconds", flags.grace, "GRACE_SECONDS",
         "How long a node has to be gone, or without an agent, before its slices are", 0, kDay);
  text(
      app, "--simulated-topology", flags.simulated, "SIMULATED_TOPOLOGY",
      "Topology file: its machines that are nodes of the cluster without an agent get slices as if "
      "they had one",
      "FILE");
  add_attribute_flags(app, flags.attributes);
}

struct DoctorFlags {
  std::string driver = CommonFlags().driver;
  std::string kubeconfig;
  std::string node;
  std::string selector = "app.kubernetes.io/name=mock-device";
};

void add_doctor_flags(CLI::App& app, DoctorFlags& flags) {
  text(app, "--driver-name", flags.driver, "DRIVER_NAME", "Name of the driver", "NAME");
  text(app, "--kubeconfig", flags.kubeconfig, "MOCK_ACCEL_KUBECONFIG",
       "How to reach the API server (default: KUBECONFIG, or as a pod of the cluster)", "FILE");
  text(app, "--of-node", flags.node, "", "Only what this node's agent finds", "NAME");
  text(app, "--selector", flags.selector, "", "Label selector of mock-device's pods", "SELECTOR");
}

Refusal wrong(const std::string& what) {
  return {.exit_code = kWrongUsage, .text = fmt::format("{}: {}\n", kProgram, what)};
}

CommonSettings settings_of(const CommonFlags& flags) {
  return {.driver = dra::DriverName(flags.driver),
          .kubeconfig = flags.kubeconfig,
          .api_version = flags.api_version,
          .health = {.address = flags.health_address, .port = flags.health_port},
          .http = {.address = flags.http_address, .port = flags.http_port},
          .log_level = flags.log_level,
          .qps = flags.qps};
}

AttributeNames settings_of(const AttributeFlags& flags) {
  return {.short_keys = flags.short_keys,
          .nodepartition_alias = !flags.no_nodepartition_alias,
          .dranet_alias = flags.dranet_alias,
          .socket_alias = flags.socket_alias};
}

std::expected<Settings, Refusal> settings_of(const AgentFlags& flags) {
  if (flags.rolling_update && flags.pod_uid.empty()) {
    return std::unexpected(wrong("--rolling-update needs --pod-uid or POD_UID"));
  }
  return AgentSettings{.common = settings_of(flags.common),
                       .node = dra::NodeName(flags.node),
                       .sysfs = flags.sysfs,
                       .dev = flags.dev,
                       .cdi_root = flags.cdi_root,
                       .registry_folder = flags.registry_folder,
                       .plugins_folder = flags.plugins_folder,
                       .pod_uid = flags.pod_uid,
                       .rolling_update = flags.rolling_update,
                       .attributes = settings_of(flags.attributes),
                       .short_pool_names = flags.short_pool_names,
                       .shared_counters = !flags.no_shared_counters,
                       .device_metadata = !flags.no_device_metadata,
                       .claim_status = flags.claim_status,
                       .claim_events = !flags.no_claim_events,
                       .vfs = static_cast<unsigned>(flags.vfs),
                       .rescan = std::chrono::seconds(flags.rescan),
                       .orphan_check = std::chrono::seconds(flags.orphan_check),
                       .repair_delay = std::chrono::milliseconds(flags.repair_delay)};
}

std::expected<Settings, Refusal> settings_of(const ControllerFlags& flags) {
  // The same pod started anew is another replica: what the first has left undone is unknown.
  return ControllerSettings{
      .common = settings_of(flags.common),
      .ns = flags.ns,
      .identity = fmt::format("{}_{:08x}", flags.pod_name, std::random_device()()),
      .agent_selector = flags.agent_selector,
      .grace = std::chrono::seconds(flags.grace),
      .simulated = flags.simulated,
      .attributes = settings_of(flags.attributes)};
}

DoctorSettings settings_of(const DoctorFlags& flags) {
  return {.common = {.driver = dra::DriverName(flags.driver),
                     .kubeconfig = flags.kubeconfig,
                     .api_version = {},
                     .health = {},
                     .http = {},
                     .log_level = "off"},
          .node = flags.node,
          .selector = flags.selector};
}

}  // namespace

dra::SliceSettings slice_settings(const CommonSettings& common, const AttributeNames& attributes) {
  return {.driver = common.driver,
          .node = {},
          .short_keys = attributes.short_keys,
          .nodepartition_alias = attributes.nodepartition_alias,
          .dranet_alias = attributes.dranet_alias,
          .socket_alias = attributes.socket_alias};
}

std::expected<Settings, Refusal> read_settings(int argc, const char* const* argv) {
  CLI::App app("DRA driver for mock accelerators", std::string(kProgram));
  app.set_version_flag("--version", fmt::format("{} {}", kProgram, MOCK_DEVICE_VERSION));
  app.require_subcommand(1);
  AgentFlags agent_flags;
  auto* const agent = app.add_subcommand(
      "node-agent", "Publish this node's devices and prepare them for the kubelet");
  add_agent_flags(*agent, agent_flags);
  ControllerFlags controller_flags;
  auto* const controller = app.add_subcommand(
      "controller",
      "Remove the slices of nodes that are gone or no longer served, and publish those "
      "of simulated ones");
  add_controller_flags(*controller, controller_flags);
  DoctorFlags doctor_flags;
  auto* const doctor = app.add_subcommand(
      "doctor", "Look for what is wrong with a cluster: the report that mock-device doctor shows");
  add_doctor_flags(*doctor, doctor_flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success&) {
    const bool version = app.get_option("--version")->count() > 0;
    return std::unexpected(Refusal{
        .exit_code = 0,
        .text = version ? fmt::format("{} {}\n", kProgram, MOCK_DEVICE_VERSION) : app.help()});
  } catch (const CLI::ParseError& error) {
    return std::unexpected(wrong(error.what()));
  }
  if (doctor->parsed()) return settings_of(doctor_flags);
  return controller->parsed() ? settings_of(controller_flags) : settings_of(agent_flags);
}

}  // namespace mockdev::driver
