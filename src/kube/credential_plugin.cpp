// SPDX-License-Identifier: Apache-2.0
#include "kube/credential_plugin.h"

#include <nlohmann/json.hpp>

#include "base/process.h"
#include "kube/base64.h"
#include "kube/json_access.h"
#include "kube/time.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;

/// The cluster, in the words of a kubeconfig.
Result<json> describe_cluster(const Config& config) {
  json cluster = {{"server", config.server}};
  if (config.insecure_skip_tls_verify) cluster["insecure-skip-tls-verify"] = true;
  if (!config.tls_server_name.empty()) cluster["tls-server-name"] = config.tls_server_name;
  if (!config.proxy_url.empty()) cluster["proxy-url"] = config.proxy_url;
  const auto authority = read_credential(config.certificate_authority);
  if (!authority) return std::unexpected(authority.error());
  if (!authority->empty()) cluster["certificate-authority-data"] = encode_base64(*authority);
  return cluster;
}

/// What KUBERNETES_EXEC_INFO tells the program.
Result<std::string> describe_request(const Config& config) {
  json spec = {{"interactive", false}};
  if (config.plugin->wants_cluster) {
    auto cluster = describe_cluster(config);
    if (!cluster) return std::unexpected(cluster.error());
    spec["cluster"] = *std::move(cluster);
  }
  return json{
      {"apiVersion", config.plugin->api_version}, {"kind", "ExecCredential"}, {"spec", spec}}
      .dump();
}

Result<FetchedCredential> read_answer(const CredentialPlugin& plugin, const std::string& output) {
  const json answer = json::parse(output, nullptr, false);
  if (answer.is_discarded() || text_at(answer, {"kind"}) != "ExecCredential") {
    return fail("{}: what it prints is no ExecCredential", plugin.argv[0]);
  }
  if (text_at(answer, {"apiVersion"}) != plugin.api_version) {
    return fail("{}: what it prints is not of {}, which the kubeconfig says", plugin.argv[0],
                plugin.api_version);
  }
  FetchedCredential fetched{.token = text_at(answer, {"status", "token"}),
                            .certificate = text_at(answer, {"status", "clientCertificateData"}),
                            .key = text_at(answer, {"status", "clientKeyData"})};
  if (fetched.certificate.empty() != fetched.key.empty()) {
    return fail("{}: it gives only one of clientCertificateData and clientKeyData", plugin.argv[0]);
  }
  if (fetched.token.empty() && fetched.certificate.empty()) {
    return fail("{}: it gives neither a token nor a client certificate", plugin.argv[0]);
  }
  if (const std::string end = text_at(answer, {"status", "expirationTimestamp"}); !end.empty()) {
    fetched.expires = parse_time(end);
    if (!fetched.expires)
      return fail("{}: its expirationTimestamp is no point in time", plugin.argv[0]);
  }
  return fetched;
}

}  // namespace

Result<FetchedCredential> fetch_credential(const Config& config, const std::stop_token& stop) {
  const CredentialPlugin& plugin = *config.plugin;
  if (find_program(plugin.argv[0]).empty()) {
    return fail("{}: no such program, and {} fetches credentials by it{}{}", plugin.argv[0],
                config.source, plugin.install_hint.empty() ? "" : ": ", plugin.install_hint);
  }
  auto request = describe_request(config);
  if (!request) return std::unexpected(request.error());
  Command command{.argv = plugin.argv, .environment = plugin.environment};
  command.environment.emplace_back("KUBERNETES_EXEC_INFO", *std::move(request));
  const auto outcome =
      mockdev::run(command, {.timeout = kLongestLogin, .stop = stop, .errors_apart = true});
  if (!outcome) return with_context("credentials", outcome.error());
  // Its output may be a token: only what it says on standard error is for people.
  if (outcome->exit_code != 0) {
    return fail("credentials: {}: exit code {}", plugin.argv[0], outcome->exit_code);
  }
  return read_answer(plugin, outcome->output);
}

}  // namespace mockdev::kube
