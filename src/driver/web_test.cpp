// SPDX-License-Identifier: Apache-2.0
#include "driver/web.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "driver/metrics.h"

namespace mockdev::driver {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A loopback port that is free now.
int free_port() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return -1;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  return ntohs(address.sin_port);
}

std::string get(int port, const std::string& path) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return "no connection";
  }
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  if (::write(socket.get(), request.data(), request.size()) < 0) return "no request";
  std::string reply;
  std::array<char, 4096> part{};
  ssize_t got = 0;
  while ((got = ::read(socket.get(), part.data(), part.size())) > 0) {
    reply.append(part.data(), static_cast<std::size_t>(got));
  }
  return reply;
}

TEST(Web, ServesPagesAndWhyThereAreNone) {
  const Listen listen{.address = "127.0.0.1", .port = free_port()};
  const auto server =
      WebServer::start(listen, {{"/good", [] { return Result<std::string>("text"); }},
                                {"/bad", [] { return Result<std::string>(fail("not yet")); }}});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_THAT(get(listen.port, "/good"),
              testing::AllOf(StartsWith("HTTP/1.1 200"), testing::EndsWith("\r\n\r\ntext")));
  EXPECT_THAT(get(listen.port, "/bad"),
              testing::AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("not yet\n")));
  const auto second = WebServer::start(listen, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("is the port taken?"));
}

TEST(MetricsTest, CountInPrometheusFormat) {
  Metrics metrics;
  metrics.claim("prepare", true, std::chrono::milliseconds(3));
  metrics.published(dra::Published{.created = 2});
  metrics.published(fail("no"));
  metrics.api_call({.verb = "get", .resource = "nodes", .code = 200, .duration = {}});
  discovery::Device device;
  device.health = discovery::Health::degraded;
  metrics.devices({device});
  const std::string text = metrics.text();
  for (const char* const line :
       {"mock_accel_devices{health=\"degraded\"} 1", "mock_accel_devices{health=\"healthy\"} 0",
        "mock_accel_claim_seconds_count{operation=\"prepare\",outcome=\"ok\"} 1",
        "mock_accel_slice_writes_total{verb=\"create\"} 2", "mock_accel_publish_failures_total 1",
        "mock_accel_api_requests_total{code=\"200\",resource=\"nodes\",verb=\"get\"} 1"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace mockdev::driver
