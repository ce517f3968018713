// SPDX-License-Identifier: Apache-2.0
// How clients of an API server are told where it is and who they are.
#pragma once

#include <filesystem>
#include <string>

namespace mockdev::lab {

/// A client of an API server. Paths are those of files where the client runs.
struct ApiClient {
  std::string server;                 ///< "https://127.0.0.1:6443"
  std::filesystem::path authority;    ///< certificate that the server's is signed with
  std::filesystem::path certificate;  ///< the client's own
  std::filesystem::path key;          ///< of that certificate
};

/// The client's configuration file, which names these files.
[[nodiscard]] std::string kubeconfig(const ApiClient& client);

}  // namespace mockdev::lab
