// SPDX-License-Identifier: Apache-2.0
#include "kube/credential_plugin.h"

#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "kube/api.h"
#include "kube/client.h"
#include "kube/secrets.h"
#include "kube/testing.h"
#include "kube/time.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr const char* kPluginVersion = "client.authentication.k8s.io/v1";
const Resource kSomePods{.version = "v1", .plural = "pods", .ns = "default"};

/// A program that counts its runs, keeps what it was told, and answers with the text in a file.
class Plugin : public ::testing::Test {
 protected:
  Plugin() {
    config_.server = "https://10.0.0.1:6443";
    config_.certificate_authority.text = "pem";
    config_.source = "the test";
    config_.plugin =
        CredentialPlugin{.api_version = kPluginVersion,
                         .argv = {"sh", "-c",
                                  "cd \"$FOLDER\"; echo x >>runs; echo noise >&2; "
                                  "printf %s \"$KUBERNETES_EXEC_INFO\" >told; cat answer"},
                         .environment = {{"FOLDER", folder_.path().native()}}};
    answer({{"token", "first"}});
  }

  void answer(const json& status) const {
    const json credential = {
        {"apiVersion", kPluginVersion}, {"kind", "ExecCredential"}, {"status", status}};
    write("answer", credential.dump());
  }
  void write(const char* name, const std::string& text) const {
    ASSERT_TRUE(write_file(folder_.path() / name, text));
  }
  [[nodiscard]] json told() const {
    return json::parse(*read_file(folder_.path() / "told", 1_KiB));
  }
  [[nodiscard]] std::size_t runs() const {
    return read_file(folder_.path() / "runs", 1_KiB).value_or("").size() / 2;
  }
  /// A time that is no limit.
  static Clock::time_point later() { return Clock::now() + std::chrono::minutes(1); }
  /// The token, or why there is none.
  static std::string token(SecretSource& source) {
    const auto secrets = source.read(later(), {});
    return secrets ? secrets->token : secrets.error().message;
  }
  /// The server takes what it is given now no more.
  static void refuse(SecretSource& source) {
    if (const auto secrets = source.read(later(), {})) source.refuse(*secrets);
  }
  [[nodiscard]] std::string error() const {
    const auto fetched = fetch_credential(config_);
    return fetched ? "" : fetched.error().message;
  }

  TemporaryFolder folder_;
  Config config_;
};

TEST_F(Plugin, GivesAToken) {
  answer({{"token", "abc"}, {"expirationTimestamp", "2030-01-01T00:00:00Z"}});
  const auto fetched = fetch_credential(config_);
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(*fetched,
            (FetchedCredential{.token = "abc", .expires = parse_time("2030-01-01T00:00:00Z")}));
  EXPECT_EQ(told(), json({{"apiVersion", kPluginVersion},
                          {"kind", "ExecCredential"},
                          {"spec", {{"interactive", false}}}}));
}

TEST_F(Plugin, GivesACertificateWithItsKey) {
  answer({{"clientCertificateData", "c"}, {"clientKeyData", "k"}});
  EXPECT_EQ(*fetch_credential(config_), (FetchedCredential{.certificate = "c", .key = "k"}));
  answer({{"clientCertificateData", "c"}});
  EXPECT_THAT(error(), HasSubstr("only one of clientCertificateData and clientKeyData"));
}

TEST_F(Plugin, IsToldOfTheClusterIfItWants) {
  config_.plugin->wants_cluster = true;
  ASSERT_EQ(error(), "");
  EXPECT_EQ(told()["spec"]["cluster"],
            json({{"server", "https://10.0.0.1:6443"}, {"certificate-authority-data", "cGVt"}}));
}

TEST_F(Plugin, NamesWhatIsWrongWithAnAnswer) {
  write("answer", "please log in");
  EXPECT_EQ(error(), "sh: what it prints is no ExecCredential");
  write("answer", R"({"kind": "ExecCredential", "apiVersion": "v2"})");
  EXPECT_EQ(
      error(),
      "sh: what it prints is not of client.authentication.k8s.io/v1, which the kubeconfig says");
  answer(json::object());
  EXPECT_EQ(error(), "sh: it gives neither a token nor a client certificate");
  answer({{"token", "a"}, {"expirationTimestamp", "soon"}});
  EXPECT_EQ(error(), "sh: its expirationTimestamp is no point in time");
  // What it has printed may be a token.
  config_.plugin->argv = {"sh", "-c", "echo my-token; exit 3"};
  EXPECT_EQ(error(), "credentials: sh: exit code 3");
}

TEST_F(Plugin, SaysHowToInstallAProgramThatIsMissing) {
  config_.plugin->argv = {"no-such-login"};
  config_.plugin->install_hint = "apt-get install it";
  EXPECT_EQ(error(),
            "no-such-login: no such program, and the test fetches credentials by it: apt-get "
            "install it");
}

TEST_F(Plugin, RunsOnceUntilWhatItGaveIsOver) {
  SecretSource source(config_);
  ASSERT_EQ(token(source), "first");
  answer({{"token", "second"},
          {"expirationTimestamp", second_time(std::chrono::system_clock::now() + seconds(5))}});
  EXPECT_EQ(token(source), "first");
  EXPECT_EQ(runs(), 1U);
  source.refuse(Secrets{.authority = "", .certificate = "", .key = "", .token = "another"});
  EXPECT_EQ(token(source), "first");
  refuse(source);
  EXPECT_EQ(token(source), "second");
  // This one is about to end: the next is fetched beside the request.
  EXPECT_EQ(token(source), "second");
  while (runs() < 3) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST_F(Plugin, RestsWhereThereIsAToken) {
  config_.token.text = "own";
  SecretSource source(config_);
  EXPECT_EQ(token(source), "own");
  EXPECT_EQ(runs(), 0U);
}

TEST_F(Plugin, IsLeftAloneForAWhileWhenItHasFailed) {
  config_.plugin->argv.back() += "; exit 1";
  SecretSource source(config_);
  for (int i = 0; i < 3; ++i) {
    const auto secrets = source.read(later(), {});
    ASSERT_FALSE(secrets);
    EXPECT_EQ(secrets.error().reason, reason::kBadCredential);
    EXPECT_EQ(secrets.error().message, "credentials: sh: exit code 1");
  }
  EXPECT_EQ(runs(), 1U);
}

TEST_F(Plugin, KeepsWhatItGaveToTheEndIfThereIsNoMore) {
  SecretSource source(config_);
  answer({{"token", "first"},
          {"expirationTimestamp", second_time(std::chrono::system_clock::now() + seconds(9))}});
  ASSERT_EQ(token(source), "first");
  config_.plugin->argv = {"false"};
  EXPECT_EQ(token(source), "first");
  refuse(source);
  EXPECT_EQ(token(source), "credentials: false: exit code 1");
}

/// A program that is at work until it is let go.
class SlowPlugin : public Plugin {
 protected:
  SlowPlugin() {
    config_.plugin->argv = {"sh", "-c",
                            "cd \"$FOLDER\"; echo x >>runs; echo $$ >pid; "
                            "until [ -e go ]; do sleep 0.01; done; cat answer"};
  }
  void let_go() const { write("go", ""); }

  [[nodiscard]] int wait_for_pid() const {
    while (true) {
      const std::string pid = read_file(folder_.path() / "pid", 1_KiB).value_or("");
      if (pid.ends_with('\n')) return std::stoi(pid);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
};

/// What four threads read that ask while the program is at work.
std::vector<std::expected<Secrets, HttpFailure>> read_at_once(SecretSource& source,
                                                              const std::function<void()>& let_go) {
  std::vector<std::future<std::expected<Secrets, HttpFailure>>> readers;
  for (int i = 0; i < 4; ++i) {
    readers.push_back(std::async(std::launch::async, [&source] {
      return source.read(Clock::now() + std::chrono::minutes(1), {});
    }));
  }
  let_go();
  std::vector<std::expected<Secrets, HttpFailure>> all;
  for (auto& reader : readers) all.push_back(reader.get());
  return all;
}

TEST_F(SlowPlugin, RunsOnceForAllThatWait) {
  SecretSource source(config_);
  for (const auto& read : read_at_once(source, [this] {
         (void)wait_for_pid();
         let_go();
       })) {
    ASSERT_TRUE(read);
    EXPECT_EQ(read->token, "first");
  }
  EXPECT_EQ(runs(), 1U);
}

TEST_F(SlowPlugin, FailsOnceForAllThatWait) {
  config_.plugin->argv.back() += "; exit 1";
  SecretSource source(config_);
  for (const auto& read : read_at_once(source, [this] {
         (void)wait_for_pid();
         let_go();
       })) {
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().message, "credentials: sh: exit code 1");
  }
  EXPECT_EQ(runs(), 1U);
}

TEST_F(SlowPlugin, GoesOnWhereARequestHasNoMoreTime) {
  SecretSource source(config_);
  const auto too_soon = source.read(Clock::now() + std::chrono::milliseconds(10), {});
  ASSERT_FALSE(too_soon);
  EXPECT_EQ(too_soon.error().reason, reason::kUnreachable);
  EXPECT_EQ(too_soon.error().message, "sh has not given credentials yet");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(source.read(later(), stop.get_token()).error().reason, reason::kCancelled);
  let_go();
  EXPECT_EQ(token(source), "first");
  EXPECT_EQ(runs(), 1U);
}

TEST_F(SlowPlugin, EndsWithItsClient) {
  int pid = 0;
  {
    SecretSource source(config_);
    (void)source.read(Clock::now() + std::chrono::milliseconds(10), {});
    pid = wait_for_pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(Plugin, FetchesAnewWhatTheServerRefuses) {
  ScriptedServer server(
      {[](const Received&, Answer& answer) { answer.reply(200, json::object()); },
       [](const Received&, Answer& answer) { answer.refuse(401, "Unauthorized", "who are you?"); },
       [](const Received&, Answer& answer) { answer.reply(200, json::object()); }});
  config_.server = server.url();
  const auto client = *Client::make(config_, quick_settings());
  ASSERT_TRUE(client->get(kSomePods.named("a")));
  answer({{"token", "second"}});
  ASSERT_FALSE(client->get(kSomePods.named("a")));
  ASSERT_TRUE(client->get(kSomePods.named("a")));
  EXPECT_EQ(server.requests()[1].headers.at("authorization"), "Bearer first");
  EXPECT_EQ(server.requests()[2].headers.at("authorization"), "Bearer second");
}

TEST(Time, IsReadAsRfc3339SaysIt) {
  const auto noon = parse_time("2026-11-23T12:00:00Z");
  ASSERT_TRUE(noon);
  EXPECT_EQ(second_time(*noon), "2026-11-23T12:00:00Z");
  EXPECT_EQ(parse_time("2026-11-23T13:00:00.25+01:00"), noon);
  EXPECT_EQ(parse_time("2026-11-23T04:30:00-07:30"), noon);
  EXPECT_GT(parse_time("9999-12-31T23:59:59Z"), noon);
  EXPECT_LT(parse_time("0001-01-01T00:00:00Z"), noon);
  for (const char* const text :
       {"", "soon", "2026-11-23", "2026-11-23T12:00:00", "2026-11-23T12:00:00Zx"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mockdev::kube
