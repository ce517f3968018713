// SPDX-License-Identifier: Apache-2.0
// TLS, against openssl's own server.
#include "kube/http.h"

#include <chrono>
#include <expected>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "base/testing.h"
#include "kube/api.h"

namespace mockdev::kube {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Tls : public ::testing::Test {
 protected:
  ~Tls() override {
    if (server_) (void)stop(server_, std::chrono::seconds(5));
  }

  [[nodiscard]] std::filesystem::path file(const std::string& name) const {
    return folder_.path() / name;
  }

  /// openssl, with its words separated by spaces, in the test's folder.
  void openssl(const std::string& words) const {
    const auto done = run_checked({.argv = split("openssl " + words), .folder = folder_.path()});
    if (!done) throw std::runtime_error(done.error().message);
  }

  /// NAME.crt and NAME.key, which are their own authority.
  void make_certificate(const std::string& name, const std::string& alternative_name,
                        int days = 2) const {
    openssl(
        fmt::format("req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "
                    "/CN={0} -addext subjectAltName={1} -keyout {0}.key -out {0}.csr",
                    name, alternative_name));
    openssl(
        fmt::format("x509 -req -in {0}.csr -key {0}.key -copy_extensions copy -days {1} "
                    "-out {0}.crt",
                    name, days));
  }

  /// A server that has the certificate NAME.crt and an empty object at /version.
  void serve(const std::string& name, const std::string& more_words = {}) {
    ASSERT_TRUE(write_file(file("version"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
    const auto started = start({.argv = split("openssl s_server -accept 127.0.0.1:0 -HTTP -cert " +
                                              name + ".crt -key " + name + ".key" + more_words),
                                .folder = folder_.path()},
                               file("log"));
    ASSERT_TRUE(started) << started.error().message;
    server_ = *started;
    for (int i = 0; i < 1000 && port_.empty(); ++i) {
      const std::string log = read_file(file("log"), 1_MiB).value_or("");
      const std::string accepts = "ACCEPT 127.0.0.1:";
      const auto at = log.find(accepts);
      const auto end = log.find('\n', at);
      if (at != std::string::npos && end != std::string::npos) {
        port_ = log.substr(at + accepts.size(), end - at - accepts.size());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_FALSE(port_.empty());
  }

  /// The outcome of asking that server for /version.
  std::expected<HttpReply, HttpFailure> ask(Config config) {
    config.server = "https://127.0.0.1:" + port_;
    config.source = "the test";
    const auto http = Http::make(std::move(config), "test", std::chrono::seconds(5));
    if (!http) throw std::runtime_error(http.error().message);
    return (*http)->send(
        {.method = "GET", .target = "/version", .timeout = std::chrono::seconds(10)}, {});
  }

 private:
  static std::vector<std::string> split(const std::string& words) {
    std::istringstream stream(words);
    return {std::istream_iterator<std::string>(stream), {}};
  }

  TemporaryFolder folder_;
  ProcessId server_;
  std::string port_;
};

TEST_F(Tls, TrustsTheGivenAuthority) {
  make_certificate("server", "IP:127.0.0.1");
  serve("server");
  const auto reply = ask({.certificate_authority = {.file = file("server.crt")}});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "{}");
}

TEST_F(Tls, RefusesAnotherAuthorityAndNamesItsFile) {
  make_certificate("server", "IP:127.0.0.1");
  make_certificate("other", "IP:127.0.0.1");
  serve("server");
  const auto reply = ask({.certificate_authority = {.file = file("other.crt")}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, reason::kUntrusted);
  EXPECT_THAT(reply.error().message,
              AllOf(HasSubstr("its certificate is not accepted"), HasSubstr("self-signed"),
                    HasSubstr(file("other.crt").native()), Not(HasSubstr("\n"))));
}

TEST_F(Tls, RefusesAnExpiredCertificate) {
  make_certificate("server", "IP:127.0.0.1", -1);
  serve("server");
  const auto reply = ask({.certificate_authority = {.file = file("server.crt")}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, reason::kUntrusted);
  EXPECT_THAT(reply.error().message, HasSubstr("expired"));
}

TEST_F(Tls, RefusesACertificateOfAnotherNameUnlessItIsTheOneToExpect) {
  make_certificate("server", "DNS:kubernetes");
  serve("server");
  const auto reply = ask({.certificate_authority = {.file = file("server.crt")}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, reason::kUntrusted);
  EXPECT_TRUE(ask(
      {.certificate_authority = {.file = file("server.crt")}, .tls_server_name = "kubernetes"}));
}

TEST_F(Tls, TakesAnyCertificateWhenToldTo) {
  make_certificate("server", "DNS:other", -1);
  serve("server");
  EXPECT_TRUE(ask({.insecure_skip_tls_verify = true}));
}

TEST_F(Tls, ShowsItsOwnCertificate) {
  make_certificate("server", "IP:127.0.0.1");
  make_certificate("client", "DNS:client");
  serve("server", " -Verify 1 -verify_return_error -CAfile client.crt");
  const Credential authority{.file = file("server.crt")};
  EXPECT_FALSE(ask({.certificate_authority = authority}));
  const auto key = read_file(file("client.key"), 1_MiB);
  ASSERT_TRUE(key);
  const auto reply = ask({.certificate_authority = authority,
                          .client_certificate = {.file = file("client.crt")},
                          .client_key = {.text = *key}});
  EXPECT_TRUE(reply) << reply.error().message;
}

TEST_F(Tls, SaysWhichKeyIsNone) {
  make_certificate("server", "IP:127.0.0.1");
  serve("server");
  const auto reply = ask({.certificate_authority = {.file = file("server.crt")},
                          .client_certificate = {.file = file("server.crt")},
                          .client_key = {.text = "rubbish"}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, reason::kBadCredential);
}

}  // namespace
}  // namespace mockdev::kube
