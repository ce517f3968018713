// SPDX-License-Identifier: Apache-2.0
#include "lab/kubeconfig.h"

#include <nlohmann/json.hpp>

namespace mockdev::lab {

std::string kubeconfig(const ApiClient& client) {
  using OrderedJson = nlohmann::ordered_json;
  constexpr const char* kName = "mock-device";
  const OrderedJson cluster = {{"server", client.server},
                               {"certificate-authority", client.authority.native()}};
  const OrderedJson user = {{"client-certificate", client.certificate.native()},
                            {"client-key", client.key.native()}};
  const OrderedJson context = {{"cluster", kName}, {"user", kName}};
  // JSON, in which no path can be mistaken for anything else, is YAML as well.
  const OrderedJson document = {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters", OrderedJson::array({{{"name", kName}, {"cluster", cluster}}})},
      {"users", OrderedJson::array({{{"name", kName}, {"user", user}}})},
      {"contexts", OrderedJson::array({{{"name", kName}, {"context", context}}})},
      {"current-context", kName},
  };
  return document.dump(2) + "\n";
}

}  // namespace mockdev::lab
