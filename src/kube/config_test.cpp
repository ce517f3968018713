// SPDX-License-Identifier: Apache-2.0
#include "kube/config.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "kube/base64.h"
#include "kube/url.h"

namespace mockdev::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

/// A variable of the environment while it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  Variable(Variable&&) = delete;
  Variable& operator=(Variable&&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

class Kubeconfig : public ::testing::Test {
 protected:
  Result<Config> read(const std::string& text, const std::string& context = {}) {
    EXPECT_TRUE(write_file(file_, text));
    return read_kubeconfig(file_, context);
  }
  /// A file whose only cluster and user have these fields.
  Result<Config> read_fields(const std::string& cluster, const std::string& user) {
    return read(
        "current-context: main\ncontexts: [{name: main, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {" +
        cluster +
        "}}]\n"
        "users: [{name: u, user: {" +
        user + "}}]\n");
  }

  TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "config";
};

constexpr const char* kServer = "server: 'https://10.0.0.1:6443/'";

TEST_F(Kubeconfig, GivesTheCurrentContext) {
  const auto config = read(R"(
apiVersion: v1
kind: Config
current-context: two
contexts:
- name: one
  context: {cluster: c1, user: u1}
- name: two
  context: {cluster: c2, user: u2, namespace: team}
clusters:
- name: c1
  cluster: {server: "https://one:6443"}
- name: c2
  cluster:
    server: https://two:6443
    certificate-authority-data: aGVsbG8=
    tls-server-name: kubernetes
users:
- name: u1
  user: {token: abc}
- name: u2
  user:
    client-certificate: pki/me.crt
    client-key: /etc/me.key
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://two:6443");
  EXPECT_EQ(config->certificate_authority.text, "hello");
  EXPECT_EQ(config->tls_server_name, "kubernetes");
  EXPECT_EQ(config->client_certificate.file, folder_.path() / "pki/me.crt");
  EXPECT_EQ(config->client_key.file, "/etc/me.key");
  EXPECT_EQ(config->default_namespace, "team");
  EXPECT_EQ(config->source, file_.native() + " (context two)");
}

TEST_F(Kubeconfig, GivesTheContextThatIsAskedFor) {
  const auto config = read(R"({"contexts": [{"name": "a", "context": {"cluster": "c"}}],
      "clusters": [{"name": "c", "cluster": {"server": "https://c/k8s/"}}]})",
                           "a");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://c/k8s");
  EXPECT_EQ(config->default_namespace, "default");
}

TEST_F(Kubeconfig, KnowsTokensAndTokenFiles) {
  const auto config = read_fields(kServer, "token: abc, tokenFile: t");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->token.text, "abc");
  EXPECT_EQ(config->token.file, folder_.path() / "t");
}

TEST_F(Kubeconfig, KnowsProgramsThatFetchCredentials) {
  const auto config = read_fields(kServer, R"(exec: {
      apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/login, args: [get, token],
      env: [{name: REGION, value: here}], installHint: get it, interactiveMode: IfAvailable,
      provideClusterInfo: true})");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_TRUE(config->plugin);
  EXPECT_EQ(config->plugin->api_version, "client.authentication.k8s.io/v1beta1");
  EXPECT_THAT(config->plugin->argv,
              ElementsAre((folder_.path() / "./bin/login").native(), "get", "token"));
  EXPECT_THAT(config->plugin->environment, ElementsAre(Pair("REGION", "here")));
  EXPECT_EQ(config->plugin->install_hint, "get it");
  EXPECT_TRUE(config->plugin->wants_cluster);
}

struct Mistake {
  const char* name;
  const char* cluster;
  const char* user;
  const char* message;
};

class KubeconfigMistakes : public Kubeconfig, public ::testing::WithParamInterface<Mistake> {};

TEST_P(KubeconfigMistakes, NameFileAndField) {
  const auto config = read_fields(GetParam().cluster, GetParam().user);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message, file_.native() + ": " + GetParam().message);
  EXPECT_TRUE(config.error().bad_input);
}

INSTANTIATE_TEST_SUITE_P(
    All, KubeconfigMistakes,
    ::testing::Values(
        Mistake{"no_server", "a: b", "", "clusters[c].cluster.server: is missing"},
        Mistake{"no_scheme", "server: 'host:1'", "",
                "clusters[c].cluster.server: 'host:1' does not begin with https://"},
        Mistake{"list", "server: [a]", "", "clusters[c].cluster.server: is not a text"},
        Mistake{"flag", "server: 'https://a', insecure-skip-tls-verify: yes", "",
                "clusters[c].cluster.insecure-skip-tls-verify: 'yes' is neither true nor false"},
        Mistake{"contradiction",
                "server: 'https://a', insecure-skip-tls-verify: true, certificate-authority: ca",
                "",
                "clusters[c].cluster: has both insecure-skip-tls-verify and a "
                "certificate-authority"},
        Mistake{"base64", "server: 'https://a', certificate-authority-data: '*'", "",
                "clusters[c].cluster.certificate-authority-data: is not base64"},
        Mistake{"half_a_pair", kServer, "client-key: k",
                "users[u].user: has only one of client-certificate and client-key"},
        Mistake{"password", kServer, "username: root",
                "users[u].user.username: user names and passwords are not supported; give a token, "
                "a client certificate, or a program that fetches them"},
        Mistake{"exec_version", kServer, "exec: {command: aws}",
                "users[u].user.exec.apiVersion: '' is neither client.authentication.k8s.io/v1 nor "
                "client.authentication.k8s.io/v1beta1"},
        Mistake{"exec_command", kServer, "exec: {apiVersion: client.authentication.k8s.io/v1}",
                "users[u].user.exec.command: is missing"},
        Mistake{
            "exec_variable", kServer,
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: a, env: [{value: b}]}",
            "users[u].user.exec.env[0].name: is missing"},
        Mistake{"exec_terminal", kServer,
                "exec: {apiVersion: client.authentication.k8s.io/v1, command: a, "
                "interactiveMode: Always}",
                "users[u].user.exec.interactiveMode: a program that needs a terminal is not "
                "supported"}),
    [](const auto& param) { return param.param.name; });

TEST_F(Kubeconfig, SaysWhatItLacks) {
  EXPECT_THAT(read("").error().message, HasSubstr("is not a kubeconfig file"));
  EXPECT_THAT(read("a: b").error().message, HasSubstr("current-context: is missing"));
  EXPECT_THAT(read("current-context: x").error().message,
              HasSubstr("contexts: has no entry with the name 'x'"));
  EXPECT_THAT(read("contexts: [{name: x, context: {cluster: y}}]", "x").error().message,
              HasSubstr("clusters: has no entry with the name 'y'"));
  EXPECT_THAT(read("a: [").error().message, HasSubstr(file_.native() + ":1: not YAML"));
  EXPECT_THAT(read_kubeconfig("/nowhere").error().message, HasSubstr("/nowhere: No such file"));
}

TEST_F(Kubeconfig, IsLookedForWhereTheEnvironmentSays) {
  ASSERT_TRUE(read_fields(kServer, "token: a"));
  const Variable home("HOME", folder_.path().c_str());
  const Variable host("KUBERNETES_SERVICE_HOST", nullptr);
  {
    const Variable variable("KUBECONFIG", file_.c_str());
    EXPECT_TRUE(load_config());
    EXPECT_FALSE(load_config("/nowhere"));
  }
  {
    const Variable variable("KUBECONFIG", "a:b");
    EXPECT_THAT(load_config().error().message, HasSubstr("names several files"));
  }
  const Variable variable("KUBECONFIG", nullptr);
  EXPECT_THAT(load_config().error().message, HasSubstr("no cluster is known"));
  std::filesystem::create_directory(folder_.path() / ".kube");
  std::filesystem::rename(file_, folder_.path() / ".kube/config");
  EXPECT_TRUE(load_config());
}

TEST(InClusterConfig, IsWhatAPodHas) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder.path() / "token", "t"));
  ASSERT_TRUE(write_file(folder.path() / "namespace", "team"));
  const Variable host("KUBERNETES_SERVICE_HOST", "fd00::1");
  const Variable port("KUBERNETES_SERVICE_PORT", "443");
  EXPECT_THAT(in_cluster_config(folder.path()).error().message, HasSubstr("ca.crt: No such file"));
  ASSERT_TRUE(write_file(folder.path() / "ca.crt", "pem"));
  const auto config = in_cluster_config(folder.path());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://[fd00::1]:443");
  EXPECT_EQ(config->token.file, folder.path() / "token");
  EXPECT_EQ(config->default_namespace, "team");
}

TEST(InClusterConfig, SaysThatThisIsNoPod) {
  const Variable host("KUBERNETES_SERVICE_HOST", nullptr);
  EXPECT_THAT(in_cluster_config().error().message, HasSubstr("this is not a pod"));
}

TEST(Credentials, AreTrimmedAndNotEmpty) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder.path() / "empty", "\n"));
  EXPECT_EQ(*read_credential({.text = " a\n"}), "a");
  EXPECT_EQ(*read_credential({}), "");
  EXPECT_THAT(read_credential({.file = folder.path() / "empty"}).error().message,
              HasSubstr("empty: is empty"));
}

TEST(Base64, IsAsRfc4648Says) {
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
      {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xff\xff\xbf", "//+/"}};
  for (const auto& [bytes, text] : texts) {
    EXPECT_EQ(decode_base64(text), bytes);
    EXPECT_EQ(encode_base64(bytes), text);
  }
  EXPECT_EQ(decode_base64("Zm9v\nYmFy\n"), "foobar");
}

TEST(Base64, RefusesOtherText) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zm8==", "=Zg=", "Zm9v====", "Zm-v", "Z=g="}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

TEST(Url, KnowsItsHost) {
  EXPECT_EQ(host_of("https://example.com:6443/x"), "example.com");
  EXPECT_EQ(host_of("https://[::1]:6443"), "::1");
  EXPECT_EQ(host_of("http://a"), "a");
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
}

}  // namespace
}  // namespace mockdev::kube
