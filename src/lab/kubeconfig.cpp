// SPDX-License-Identifier: Apache-2.0
#include "lab/kubeconfig.h"

#include <nlohmann/json.hpp>

namespace mockdev::lab {

std::string kubeconfig(const ApiClient& client) {
  using Json = nlohmann::ordered_json;
  constexpr const char* kName = "mock-device";
  const Json cluster = {{"server", client.server},
                        {"certificate-authority", client.authority.native()}};
  const Json user = {{"client-certificate", client.certificate.native()},
                     {"client-key", client.key.native()}};
  const Json context = {{"cluster", kName}, {"user", kName}};
  // JSON, in which no path can be mistaken for anything else, is YAML as well.
  const Json document = {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters", Json::array({{{"name", kName}, {"cluster", cluster}}})},
      {"users", Json::array({{{"name", kName}, {"user", user}}})},
      {"contexts", Json::array({{{"name", kName}, {"context", context}}})},
      {"current-context", kName},
  };
  return document.dump(2) + "\n";
}

}  // namespace mockdev::lab
