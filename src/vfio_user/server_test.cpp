// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/server.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/testing.h"
#include "base/unix_socket.h"
#include "vfio_user/testing.h"

namespace mockdev::vfio_user {
namespace {

using protocol::Command;
using ::testing::HasSubstr;
using testing::join;
using testing::TestClient;
using testing::TestDevice;

TestClient connect(const std::filesystem::path& path) {
  auto fd = connect_unix(path);
  return TestClient(fd ? *std::move(fd) : UniqueFd());
}

class ServerTest : public ::testing::Test {
 protected:
  explicit ServerTest(Server::Options options = {}) : server_(std::make_unique<Server>(options)) {
    for (const auto& [path, device] : {std::pair{path_, &device_}, {other_path_, &other_}}) {
      EXPECT_TRUE(server_->add(path, *device));
    }
    EXPECT_TRUE(server_->start());
  }

  [[nodiscard]] TestClient greeted(const std::filesystem::path& path) const {
    TestClient client = connect(path);
    EXPECT_TRUE(client.greet());
    return client;
  }

  static bool works(const TestClient& client) { return client.ask(Command::reset).error() == 0; }

  TestDevice device_;
  TestDevice other_;
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "a";
  std::filesystem::path other_path_ = folder_.path() / "b";
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, ServesEachDeviceToItsClient) {
  EXPECT_FALSE(server_->connected(path_));
  const TestClient first = greeted(path_);
  const TestClient second = greeted(other_path_);
  EXPECT_TRUE(works(first));
  EXPECT_TRUE(works(first));
  EXPECT_TRUE(works(second));
  EXPECT_EQ(device_.resets, 2);
  EXPECT_EQ(other_.resets, 1);
  EXPECT_TRUE(server_->connected(path_));
  EXPECT_FALSE(server_->connected(folder_.path() / "c"));
}

TEST_F(ServerTest, TheNextClientIsServedWhenOneHasLeft) {
  for (int i = 1; i <= 200; ++i) {
    TestClient client = greeted(path_);
    ASSERT_EQ(device_.connections, i);
    if (i % 2 == 0) client.send(testing::text("seven b"));
    client.leave();
  }
}

TEST_F(ServerTest, ASecondClientIsToldThatTheDeviceIsBusy) {
  const TestClient first = greeted(path_);
  const TestClient second = connect(path_);
  EXPECT_EQ(second.ask(Command::version, join(protocol::Version{0, 1})).error(),
            std::uint32_t{EBUSY});
  EXPECT_FALSE(second.receive().has_value());
  EXPECT_TRUE(works(first));
}

TEST_F(ServerTest, ManySecondClientsThatSayNothingHoldNothing) {
  const TestClient first = greeted(path_);
  std::vector<TestClient> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(connect(path_));
  EXPECT_TRUE(works(first));
  EXPECT_TRUE(works(greeted(other_path_)));
}

TEST_F(ServerTest, ABadClientHurtsOnlyItself) {
  const TestClient good = greeted(other_path_);
  const TestClient bad = greeted(path_);
  bad.send(join(protocol::Header{.id = 1, .command = 4, .size = 15, .flags = 0, .error = 0}));
  EXPECT_FALSE(bad.receive().has_value());
  EXPECT_TRUE(works(good));
  EXPECT_TRUE(works(greeted(path_)));
}

TEST_F(ServerTest, AClientThatDoesNotReadIsNoReasonToStopOthers) {
  const TestClient stalled = greeted(path_);
  const auto request = testing::message(
      Command::region_read, join(protocol::RegionAccess{0, TestDevice::kLarge, 1U << 20U}));
  for (int i = 0; i < 4; ++i) stalled.send(request);
  const TestClient good = greeted(other_path_);
  EXPECT_TRUE(works(good));
}

TEST_F(ServerTest, StoppingDisconnectsEverybodyCleanly) {
  const TestClient quiet = greeted(path_);
  TestClient busy = greeted(other_path_);
  const auto posted = testing::message(
      Command::region_write, join(protocol::RegionAccess{0, 0, 4}, 0U), 1, protocol::kNoReply);
  for (int i = 0; i < 100; ++i) busy.send(posted);
  server_->stop();
  // The end of the stream, and not ECONNRESET.
  std::byte byte{};
  EXPECT_EQ(::recv(quiet.fd(), &byte, 1, 0), 0);
  EXPECT_EQ(::recv(busy.fd(), &byte, 1, 0), 0);
  EXPECT_EQ(other_.writes, 100);
  EXPECT_FALSE(device_.has_client());
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(connect(path_).fd(), -1);
}

TEST_F(ServerTest, AClientThatDoesNotReadDoesNotKeepTheServerFromStopping) {
  const TestClient stalled = greeted(path_);
  const auto request = testing::message(
      Command::region_read, join(protocol::RegionAccess{0, TestDevice::kLarge, 1U << 20U}));
  for (int i = 0; i < 4; ++i) stalled.send(request);
  server_->stop();
  EXPECT_FALSE(device_.has_client());
}

TEST_F(ServerTest, APathIsServedByOneServer) {
  Server second;
  EXPECT_THAT(second.add(path_, other_).error().message, HasSubstr("another process serves it"));
}

class HurriedServerTest : public ServerTest {
 protected:
  HurriedServerTest() : ServerTest({.negotiation_time = std::chrono::milliseconds(1)}) {}
};

TEST_F(HurriedServerTest, AClientThatNeverAgreesOnAVersionMakesRoom) {
  const TestClient silent = connect(path_);
  EXPECT_FALSE(silent.receive().has_value());
}

TEST(ManyDevices, AreServedAtTheSameTime) {
  constexpr std::size_t kCount = 300;
  const TemporaryFolder folder;
  std::vector<std::unique_ptr<TestDevice>> devices;
  Server server;
  for (std::size_t i = 0; i < kCount; ++i) {
    devices.push_back(std::make_unique<TestDevice>());
    ASSERT_TRUE(server.add(folder.path() / std::to_string(i), *devices.back()));
  }
  ASSERT_TRUE(server.start());
  std::vector<TestClient> clients;
  for (std::size_t i = 0; i < kCount; ++i) {
    clients.push_back(connect(folder.path() / std::to_string(i)));
    ASSERT_TRUE(clients.back().greet());
  }
  for (const TestClient& client : clients) EXPECT_EQ(client.ask(Command::reset).error(), 0U);
}

}  // namespace
}  // namespace mockdev::vfio_user
