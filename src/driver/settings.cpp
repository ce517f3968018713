// SPDX-License-Identifier: Apache-2.0
#include "driver/settings.h"

#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "kube/api_versions.h"

namespace mockdev::driver {
namespace {

constexpr int kWrongUsage = 2;
constexpr std::string_view kProgram = "mock-accel-dra-driver";
constexpr int kMaxPort = 65535;

/// The command line as it was given, with the defaults.
struct Flags {
  std::string node;
  std::string driver = "mock-accel.example.com";
  std::string kubeconfig;
  std::string api_version;
  std::string sysfs = "/sys";
  std::string dev = "/dev";
  std::string cdi_root = "/var/run/cdi";
  std::string registry_folder = "/var/lib/kubelet/plugins_registry";
  std::string plugins_folder = "/var/lib/kubelet/plugins";
  std::string pod_uid;
  bool rolling_update = false;
  bool short_keys = false;
  bool short_pool_names = false;
  bool no_nodepartition_alias = false;
  bool dranet_alias = false;
  bool no_shared_counters = false;
  std::string health_address = "0.0.0.0";
  int health_port = 51515;  // that which KMM asks
  std::string http_address = "0.0.0.0";
  int http_port = 8080;
  int rescan = 60;
  int orphan_check = 600;
  int repair_delay = 5000;
  std::string log_level = "info";
};

/// Flags whose variables have names that other projects know keep those.
void add_flags(CLI::App& app, Flags& flags) {
  const auto text = [&](const char* flag, std::string& value, const char* variable,
                        const char* meaning, const char* type) {
    return app.add_option(flag, value, meaning)
        ->type_name(type)
        ->capture_default_str()
        ->envname(variable);
  };
  const auto number = [&](const char* flag, int& value, const char* variable, const char* meaning,
                          int least, int most) {
    app.add_option(flag, value, meaning)
        ->capture_default_str()
        ->check(CLI::Range(least, most))
        ->envname(variable);
  };
  const auto toggle = [&](const char* flag, bool& value, const char* variable,
                          const char* meaning) {
    app.add_flag(flag, value, meaning)->envname(variable);
  };
  text("--node-name", flags.node, "NODE_NAME", "This node's name", "NAME")->required();
  text("--driver-name", flags.driver, "DRIVER_NAME", "Name of the driver", "NAME");
  text("--kubeconfig", flags.kubeconfig, "MOCK_ACCEL_KUBECONFIG",
       "How to reach the API server (default: KUBECONFIG, or as a pod of the cluster)", "FILE");
  text("--resource-api-version", flags.api_version, "RESOURCE_API_VERSION",
       "Version of resource.k8s.io to speak (default: the newest that the API server has)",
       "VERSION")
      ->check(CLI::IsMember(std::vector<std::string>(kube::kResourceApiVersions.begin(),
                                                     kube::kResourceApiVersions.end())));

  text("--sysfs", flags.sysfs, "SYSFS_ROOT", "Where sysfs is", "FOLDER");
  text("--dev", flags.dev, "DEV_ROOT", "Where the device nodes are, here and on the host",
       "FOLDER");
  text("--cdi-root", flags.cdi_root, "CDI_ROOT", "Folder for CDI files", "FOLDER");
  text("--registrar-directory", flags.registry_folder, "KUBELET_REGISTRAR_DIRECTORY_PATH",
       "The kubelet's plugins_registry", "FOLDER");
  text("--plugins-directory", flags.plugins_folder, "KUBELET_PLUGINS_DIRECTORY_PATH",
       "The kubelet's plugins", "FOLDER");
  text("--pod-uid", flags.pod_uid, "POD_UID", "UID of this pod", "UID");
  toggle("--rolling-update", flags.rolling_update, "ROLLING_UPDATE",
         "Let two agents overlap on a node; for kubelets from 1.33 on, needs --pod-uid");

  toggle("--short-attribute-names", flags.short_keys, "SHORT_ATTRIBUTE_NAMES",
         "Own attributes without the driver's name in front");
  toggle("--short-pool-names", flags.short_pool_names, "SHORT_POOL_NAMES",
         "Pools named numaN, in a cluster of one node only");
  toggle("--no-nodepartition-alias", flags.no_nodepartition_alias, "NO_NODEPARTITION_ALIAS",
         "Do not publish nodepartition.dra.k8s.io/numaNode");
  toggle("--dranet-alias", flags.dranet_alias, "DRANET_ALIAS", "Also publish dra.net/numaNode");
  toggle("--no-shared-counters", flags.no_shared_counters, "NO_SHARED_COUNTERS",
         "Never offer a PF beside its VFs: each pool is one slice then");

  text("--healthcheck-address", flags.health_address, "HEALTHCHECK_ADDRESS",
       "Where the gRPC health check listens", "ADDRESS");
  number("--healthcheck-port", flags.health_port, "HEALTHCHECK_PORT",
         "Port of the gRPC health check, service liveness; -1: none", -1, kMaxPort);
  text("--http-address", flags.http_address, "HTTP_ADDRESS", "Where HTTP listens", "ADDRESS");
  number("--http-port", flags.http_port, "HTTP_PORT",
         "Port of /metrics, /healthz and /readyz; -1: none", -1, kMaxPort);
  constexpr int kDay = 86400;
  number("--rescan-seconds", flags.rescan, "RESCAN_SECONDS",
         "Pause between looks at the devices that no event asked for", 1, kDay);
  number("--orphan-check-seconds", flags.orphan_check, "ORPHAN_CHECK_SECONDS",
         "Pause between searches for devices of claims that no longer exist", 1, kDay);
  number("--repair-delay-ms", flags.repair_delay, "REPAIR_DELAY_MS",
         "Pause before slices that somebody else changed or removed are put right", 0, kDay);
  text("--log-level", flags.log_level, "LOG_LEVEL", std::string(kLogLevels).c_str(), "LEVEL");
}

Refusal wrong(const std::string& what) {
  return {.exit_code = kWrongUsage, .text = fmt::format("{}: {}\n", kProgram, what)};
}

}  // namespace

std::expected<AgentSettings, Refusal> read_settings(int argc, const char* const* argv) {
  CLI::App app("DRA driver for mock accelerators", std::string(kProgram));
  app.set_version_flag("--version", fmt::format("{} {}", kProgram, MOCK_DEVICE_VERSION));
  app.require_subcommand(1);
  auto* const agent = app.add_subcommand(
      "node-agent", "Publish this node's devices and prepare them for the kubelet");
  Flags flags;
  add_flags(*agent, flags);
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
  if (flags.rolling_update && flags.pod_uid.empty()) {
    return std::unexpected(wrong("--rolling-update needs --pod-uid or POD_UID"));
  }
  return AgentSettings{.node = dra::NodeName(flags.node),
                       .driver = dra::DriverName(flags.driver),
                       .kubeconfig = flags.kubeconfig,
                       .api_version = flags.api_version,
                       .sysfs = flags.sysfs,
                       .dev = flags.dev,
                       .cdi_root = flags.cdi_root,
                       .registry_folder = flags.registry_folder,
                       .plugins_folder = flags.plugins_folder,
                       .pod_uid = flags.pod_uid,
                       .rolling_update = flags.rolling_update,
                       .short_keys = flags.short_keys,
                       .short_pool_names = flags.short_pool_names,
                       .nodepartition_alias = !flags.no_nodepartition_alias,
                       .dranet_alias = flags.dranet_alias,
                       .shared_counters = !flags.no_shared_counters,
                       .health = {.address = flags.health_address, .port = flags.health_port},
                       .http = {.address = flags.http_address, .port = flags.http_port},
                       .rescan = std::chrono::seconds(flags.rescan),
                       .orphan_check = std::chrono::seconds(flags.orphan_check),
                       .repair_delay = std::chrono::milliseconds(flags.repair_delay),
                       .log_level = flags.log_level};
}

}  // namespace mockdev::driver
