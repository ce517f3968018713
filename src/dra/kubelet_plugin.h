// SPDX-License-Identifier: Apache-2.0
// The driver's side of the kubelet's sockets.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "dra/claim_service.h"
#include "dra/health.h"
#include "dra/names.h"

namespace mockdev::dra {

struct KubeletPluginSettings {
  DriverName driver;
  std::filesystem::path registry_folder = "/var/lib/kubelet/plugins_registry";
  std::filesystem::path plugins_folder = "/var/lib/kubelet/plugins";
  /// For rolling updates, where two agents run on a node for a while: sockets with names that only
  /// this pod's agent has. Kubelets from 1.33 on can do with that. Empty: the usual names.
  std::string pod_uid;
  int kubelet_minor = 0;  ///< of its version: 36 for 1.36
};

/// Where the plugin's files are. Sockets have paths of at most 107 bytes.
struct PluginPaths {
  std::filesystem::path data_folder;
  std::filesystem::path plugin_socket;
  std::filesystem::path registration_socket;
  std::filesystem::path lock_file;  ///< empty without rolling updates
};
[[nodiscard]] Result<PluginPaths> plugin_paths(const KubeletPluginSettings& settings);

/// What the plugin says it speaks, in the form and order that a kubelet of that version wants.
[[nodiscard]] std::vector<std::string> supported_versions(int kubelet_minor);

/// Serves registration, DRA (v1, v1beta1 and the v1alpha3 of 1.31) and health (v1, v1alpha1).
class KubeletPlugin {
 public:
  /// Makes the folders that are missing, replaces sockets that a process before has left, and
  /// serves: first the plugin's socket, then the registration, so that a kubelet which sees the
  /// second finds the first. Opens the board. `handler` and `board` outlive this object.
  [[nodiscard]] static Result<std::unique_ptr<KubeletPlugin>> start(
      const KubeletPluginSettings& settings, ClaimHandler& handler, HealthBoard& board);
  /// As stop().
  ~KubeletPlugin();
  KubeletPlugin(const KubeletPlugin&) = delete;
  KubeletPlugin& operator=(const KubeletPlugin&) = delete;
  KubeletPlugin(KubeletPlugin&&) = delete;
  KubeletPlugin& operator=(KubeletPlugin&&) = delete;

  /// Goes in the reverse order: the kubelet first learns that the plugin is gone. Calls that run
  /// come to their end. Closes the board. The sockets are removed.
  void stop();

  /// Whether the kubelet has accepted the registration. Any thread.
  [[nodiscard]] bool registered() const;
  /// Asks both sockets as the kubelet would. Any thread; takes at most a few seconds.
  [[nodiscard]] Result<void> check() const;

 private:
  class Servers;
  explicit KubeletPlugin(std::unique_ptr<Servers> servers);
  std::unique_ptr<Servers> servers_;
};

}  // namespace mockdev::dra
