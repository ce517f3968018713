// SPDX-License-Identifier: Apache-2.0
#include "kube/config.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "base/file.h"
#include "kube/base64.h"

namespace mockdev::kube {
namespace {

/// A kubeconfig, a certificate chain or a token, at most.
constexpr ByteCount kMaxFile = 4_MiB;

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// A map of a kubeconfig with the words by which messages name it.
struct Section {
  YAML::Node node;
  std::string name;  ///< "/root/.kube/config: clusters[lab].cluster"
  std::filesystem::path folder;

  [[nodiscard]] bool has(const char* key) const {
    return node.IsMap() && node[key].IsDefined() && !node[key].IsNull();
  }

  [[nodiscard]] Result<std::string> text(const char* key) const {
    if (!has(key)) return std::string();
    if (!node[key].IsScalar()) return fail("{}.{}: is not a text", name, key);
    return node[key].Scalar();
  }

  [[nodiscard]] Result<bool> flag(const char* key) const {
    auto value = text(key);
    if (!value) return std::unexpected(value.error());
    if (value->empty() || *value == "false") return false;
    if (*value == "true") return true;
    return fail("{}.{}: '{}' is neither true nor false", name, key, *value);
  }

  [[nodiscard]] Result<std::filesystem::path> path(const char* key) const {
    auto value = text(key);
    if (!value) return std::unexpected(value.error());
    if (value->empty()) return std::filesystem::path();
    return folder / *value;  // an absolute one stays as it is
  }

  /// A credential that is given as base64 text under "key-data", or as a file under "key".
  [[nodiscard]] Result<Credential> credential(const char* key) const {
    const std::string data_key = std::string(key) + "-data";
    auto data = text(data_key.c_str());
    if (!data) return std::unexpected(data.error());
    if (data->empty()) {
      auto file = path(key);
      if (!file) return std::unexpected(file.error());
      return Credential{.file = *std::move(file)};
    }
    auto decoded = decode_base64(*data);
    if (!decoded) return fail("{}.{}: is not base64", name, data_key);
    return Credential{.text = *std::move(decoded)};
  }
};

/// The entry of a list of {name: ..., KIND: {...}}.
Result<Section> entry_of(const Section& file, const std::string& list, const std::string& kind,
                         const std::string& wanted) {
  const YAML::Node entries = file.node[list];
  for (std::size_t i = 0; entries.IsDefined() && entries.IsSequence() && i < entries.size(); ++i) {
    const YAML::Node entry = entries[i];
    if (!entry.IsMap() || !entry["name"].IsDefined() || !entry["name"].IsScalar()) continue;
    if (entry["name"].Scalar() != wanted) continue;
    const YAML::Node content = entry[kind];
    const std::string name = fmt::format("{}: {}[{}].{}", file.name, list, wanted, kind);
    if (!content.IsDefined() || !content.IsMap()) return fail("{}: is missing or no map", name);
    return Section{.node = content, .name = name, .folder = file.folder};
  }
  return fail("{}: {}: has no entry with the name '{}'", file.name, list, wanted);
}

/// Ways to log in that this client does not know.
constexpr auto kUnsupported = std::to_array<std::pair<const char*, const char*>>({
    {"auth-provider", "authentication providers"},
    {"username", "user names and passwords"},
    {"as", "impersonation"},
    {"as-groups", "impersonation"},
    {"as-uid", "impersonation"},
});

/// Text members of Config and where they are in a section.
struct TextField {
  const char* key;
  std::string Config::* member;
};
constexpr auto kClusterTexts = std::to_array<TextField>({
    {"server", &Config::server},
    {"tls-server-name", &Config::tls_server_name},
    {"proxy-url", &Config::proxy_url},
});
struct CredentialField {
  const char* key;
  Credential Config::* member;
};
constexpr auto kClusterCredentials = std::to_array<CredentialField>({
    {"certificate-authority", &Config::certificate_authority},
});
constexpr auto kUserCredentials = std::to_array<CredentialField>({
    {"client-certificate", &Config::client_certificate},
    {"client-key", &Config::client_key},
});

template <typename Fields>
Result<void> read_credentials(const Section& section, const Fields& fields, Config& config) {
  for (const auto& [key, member] : fields) {
    auto credential = section.credential(key);
    if (!credential) return std::unexpected(credential.error());
    config.*member = *std::move(credential);
  }
  return {};
}

Result<void> read_cluster(const Section& cluster, Config& config) {
  for (const auto& [key, member] : kClusterTexts) {
    auto text = cluster.text(key);
    if (!text) return std::unexpected(text.error());
    config.*member = *std::move(text);
  }
  auto insecure = cluster.flag("insecure-skip-tls-verify");
  if (!insecure) return std::unexpected(insecure.error());
  config.insecure_skip_tls_verify = *insecure;
  if (auto read = read_credentials(cluster, kClusterCredentials, config); !read) return read;

  while (config.server.ends_with('/')) config.server.pop_back();
  if (config.server.empty()) return fail("{}.server: is missing", cluster.name);
  if (!config.server.starts_with("https://") && !config.server.starts_with("http://")) {
    return fail("{}.server: '{}' does not begin with https://", cluster.name, config.server);
  }
  if (config.insecure_skip_tls_verify && !config.certificate_authority.empty()) {
    return fail("{}: has both insecure-skip-tls-verify and a certificate-authority", cluster.name);
  }
  return {};
}

constexpr std::array<std::string_view, 2> kPluginVersions = {
    "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"};

/// "PATH=/bin" of each {name: PATH, value: /bin}.
Result<std::vector<std::pair<std::string, std::string>>> read_environment(const Section& plugin) {
  std::vector<std::pair<std::string, std::string>> variables;
  const YAML::Node list = plugin.node["env"];
  for (std::size_t i = 0; plugin.has("env") && i < list.size(); ++i) {
    const Section variable{
        .node = list[i], .name = fmt::format("{}.env[{}]", plugin.name, i), .folder = {}};
    auto name = variable.text("name");
    auto value = variable.text("value");
    if (!name || !value) return std::unexpected((name ? value : name).error());
    if (name->empty()) return fail("{}.name: is missing", variable.name);
    variables.emplace_back(*std::move(name), *std::move(value));
  }
  return variables;
}

/// A program with a '/' in its name is relative to the file's folder, another is looked up in PATH.
Result<std::vector<std::string>> read_command(const Section& plugin) {
  auto command = plugin.text("command");
  if (!command) return std::unexpected(command.error());
  if (command->empty()) return fail("{}.command: is missing", plugin.name);
  std::vector<std::string> argv = {command->contains('/') ? (plugin.folder / *command).native()
                                                          : *command};
  const YAML::Node list = plugin.node["args"];
  for (std::size_t i = 0; plugin.has("args") && i < list.size(); ++i) {
    if (!list[i].IsScalar()) return fail("{}.args[{}]: is not a text", plugin.name, i);
    argv.push_back(list[i].Scalar());
  }
  return argv;
}

Result<CredentialPlugin> read_plugin(const Section& plugin) {
  if (!plugin.node.IsMap()) return fail("{}: is no map", plugin.name);
  auto version = plugin.text("apiVersion");
  if (!version) return std::unexpected(version.error());
  if (std::ranges::find(kPluginVersions, *version) == kPluginVersions.end()) {
    return fail("{}.apiVersion: '{}' is neither {} nor {}", plugin.name, *version,
                kPluginVersions[0], kPluginVersions[1]);
  }
  const auto mode = plugin.text("interactiveMode");
  if (!mode) return std::unexpected(mode.error());
  if (*mode == "Always") {
    return fail("{}.interactiveMode: a program that needs a terminal is not supported",
                plugin.name);
  }
  auto argv = read_command(plugin);
  if (!argv) return std::unexpected(argv.error());
  auto variables = read_environment(plugin);
  if (!variables) return std::unexpected(variables.error());
  auto hint = plugin.text("installHint");
  if (!hint) return std::unexpected(hint.error());
  const auto wants_cluster = plugin.flag("provideClusterInfo");
  if (!wants_cluster) return std::unexpected(wants_cluster.error());
  return CredentialPlugin{.api_version = *std::move(version),
                          .argv = *std::move(argv),
                          .environment = *std::move(variables),
                          .install_hint = *std::move(hint),
                          .wants_cluster = *wants_cluster};
}

Result<void> read_user(const Section& user, Config& config) {
  for (const auto& [key, meaning] : kUnsupported) {
    if (user.has(key)) {
      return fail(
          "{}.{}: {} are not supported; give a token, a client certificate, or a program that "
          "fetches them",
          user.name, key, meaning);
    }
  }
  if (auto read = read_credentials(user, kUserCredentials, config); !read) return read;
  if (config.client_certificate.empty() != config.client_key.empty()) {
    return fail("{}: has only one of client-certificate and client-key", user.name);
  }
  auto token = user.text("token");
  if (!token) return std::unexpected(token.error());
  auto token_file = user.path("tokenFile");
  if (!token_file) return std::unexpected(token_file.error());
  config.token = {.file = *std::move(token_file), .text = *std::move(token)};
  if (!user.has("exec")) return {};
  auto plugin =
      read_plugin({.node = user.node["exec"], .name = user.name + ".exec", .folder = user.folder});
  if (!plugin) return std::unexpected(plugin.error());
  config.plugin = *std::move(plugin);
  return {};
}

Result<Config> read_context(const Section& file, const std::string& wanted) {
  if (!file.node.IsMap()) return fail("{}: is not a kubeconfig file", file.name);
  auto current = file.text("current-context");
  if (!current) return std::unexpected(current.error());
  const std::string& name = wanted.empty() ? *current : wanted;
  if (name.empty()) return fail("{}: current-context: is missing", file.name);
  const auto context = entry_of(file, "contexts", "context", name);
  if (!context) return std::unexpected(context.error());

  std::array<std::string, 3> names;
  constexpr std::array<const char*, 3> kKeys = {"cluster", "user", "namespace"};
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    auto text = context->text(kKeys[i]);
    if (!text) return std::unexpected(text.error());
    names[i] = *std::move(text);
  }
  const auto& [cluster_name, user_name, default_namespace] = names;
  if (cluster_name.empty()) return fail("{}.cluster: is missing", context->name);

  Config config{.source = fmt::format("{} (context {})", file.name, name)};
  if (!default_namespace.empty()) config.default_namespace = default_namespace;
  const auto cluster = entry_of(file, "clusters", "cluster", cluster_name);
  if (!cluster) return std::unexpected(cluster.error());
  if (auto read = read_cluster(*cluster, config); !read) return std::unexpected(read.error());
  if (user_name.empty()) return config;
  const auto user = entry_of(file, "users", "user", user_name);
  if (!user) return std::unexpected(user.error());
  if (auto read = read_user(*user, config); !read) return std::unexpected(read.error());
  return config;
}

}  // namespace

Result<std::string> read_credential(const Credential& credential) {
  if (credential.file.empty()) return trimmed(credential.text);
  auto content = read_file(credential.file, kMaxFile);
  if (!content) return content;
  std::string text = trimmed(*content);
  if (text.empty()) return fail("{}: is empty", credential.file.native());
  return text;
}

Result<Config> in_cluster_config(const std::filesystem::path& folder) {
  std::string host = environment("KUBERNETES_SERVICE_HOST");
  const std::string port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return fail("in-cluster configuration: {} is not set: this is not a pod",
                host.empty() ? "KUBERNETES_SERVICE_HOST" : "KUBERNETES_SERVICE_PORT");
  }
  if (host.contains(':')) host = fmt::format("[{}]", host);
  Config config{.server = fmt::format("https://{}:{}", host, port),
                .certificate_authority = {.file = folder / "ca.crt"},
                .token = {.file = folder / "token"},
                .source = "in-cluster configuration"};
  for (const Credential* credential : {&config.certificate_authority, &config.token}) {
    if (auto read = read_credential(*credential); !read) {
      return with_context("in-cluster configuration: no service account token is mounted",
                          read.error());
    }
  }
  if (auto name = read_credential({.file = folder / "namespace"})) {
    config.default_namespace = *std::move(name);
  }
  return config;
}

Result<Config> read_kubeconfig(const std::filesystem::path& path, const std::string& context) {
  auto text = read_file(path, kMaxFile);
  if (!text) return fail_input(std::move(text).error());
  try {
    auto config = read_context(
        {.node = YAML::Load(*text), .name = path.native(), .folder = path.parent_path()}, context);
    if (!config) return fail_input(std::move(config).error());
    return config;
  } catch (const YAML::Exception& error) {
    return fail_input(
        {.message = fmt::format("{}:{}: not YAML: {}", path.native(),
                                error.mark.is_null() ? 0 : error.mark.line + 1, error.msg)});
  } catch (const std::exception& error) {
    return fail_input({.message = fmt::format("{}: {}", path.native(), error.what())});
  }
}

Result<Config> load_config(const std::filesystem::path& kubeconfig, const std::string& context) {
  if (!kubeconfig.empty()) return read_kubeconfig(kubeconfig, context);
  if (const std::string named = environment("KUBECONFIG"); !named.empty()) {
    if (named.contains(':')) {
      return fail("KUBECONFIG: names several files, which are not merged: '{}'", named);
    }
    return read_kubeconfig(named, context);
  }
  if (!environment("KUBERNETES_SERVICE_HOST").empty()) return in_cluster_config();
  const auto standard = std::filesystem::path(environment("HOME")) / ".kube/config";
  if (std::error_code ignored; std::filesystem::exists(standard, ignored)) {
    return read_kubeconfig(standard, context);
  }
  return fail("no cluster is known: give --kubeconfig, set KUBECONFIG, run in a pod, or have {}",
              standard.native());
}

}  // namespace mockdev::kube
