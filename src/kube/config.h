// SPDX-License-Identifier: Apache-2.0
// Where the API server is, how to know it, and how to prove who we are.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace mockdev::kube {

/// Where a pod finds the credentials of its service account.
inline constexpr const char* kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";

/// A credential: a file that is read anew each time it is needed, since it may be rotated, or a
/// text. The file wins if both are there.
struct Credential {
  std::filesystem::path file = {};
  std::string text = {};

  [[nodiscard]] bool empty() const { return file.empty() && text.empty(); }
};

/// What the credential says now. Empty if there is none. The error names the file.
[[nodiscard]] Result<std::string> read_credential(const Credential& credential);

/// A program that fetches credentials when they are needed, as `exec` of a kubeconfig's user has it
/// (client.authentication.k8s.io).
struct CredentialPlugin {
  std::string api_version;        ///< "client.authentication.k8s.io/v1"
  std::vector<std::string> argv;  ///< the program, by name or absolute path, and arguments
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::string install_hint = {};  ///< what to do where there is no such program
  bool wants_cluster = false;     ///< it is told which cluster they are for
};

/// All that a client has to know of a cluster. A plain value.
struct Config {
  /// "https://host:port" with an optional path before the API's own, no slash at the end. IPv6
  /// addresses stand in brackets. http:// is taken too.
  std::string server = {};
  Credential certificate_authority = {};  ///< PEM. None: the system's authorities
  Credential client_certificate = {};     ///< PEM; with client_key, or neither
  Credential client_key = {};             ///< PEM
  Credential token = {};                  ///< bearer token; spaces at its ends don't count
  /// Fetches a token, or a client certificate with its key, where there is none of both above.
  std::optional<CredentialPlugin> plugin = {};
  bool insecure_skip_tls_verify = false;  ///< the server may be anybody
  std::string tls_server_name = {};       ///< name in the server's certificate; empty: the host
  std::string proxy_url = {};             ///< empty: what HTTPS_PROXY and NO_PROXY say
  std::string default_namespace = "default";
  std::string source = {};  ///< where all this is from, for a person: "in-cluster configuration"
};

/// The cluster of the pod that this process runs in: address from KUBERNETES_SERVICE_HOST and
/// KUBERNETES_SERVICE_PORT, token, ca.crt and namespace from files in `folder`.
[[nodiscard]] Result<Config> in_cluster_config(
    const std::filesystem::path& folder = kServiceAccountFolder);

/// One context of a kubeconfig file; empty `context`: the file's current-context. Relative paths
/// in it are relative to its folder. Fails with one line that names file and field on what is
/// missing or contradicts itself, and on ways to log in that are not supported (auth-provider,
/// username and password, impersonation, programs that need a terminal) instead of trying without
/// them.
[[nodiscard]] Result<Config> read_kubeconfig(const std::filesystem::path& path,
                                             const std::string& context = {});

/// What to look for, most wanted first: `kubeconfig` if it is not empty, the file that KUBECONFIG
/// names, the pod's own cluster if KUBERNETES_SERVICE_HOST is set, ~/.kube/config. A KUBECONFIG of
/// several files is an error: nothing is merged.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& kubeconfig = {},
                                         const std::string& context = {});

}  // namespace mockdev::kube
