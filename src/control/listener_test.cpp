// SPDX-License-Identifier: Apache-2.0
#include "control/listener.h"

#include <algorithm>
#include <deque>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/testing.h"
#include "base/unix_socket.h"
#include "control/client.h"

namespace mockdev::control {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;

/// A server with the verb "echo", which repeats "text", and "much", whose replies are large.
class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    auto listener = Listener::bind(path());
    if (!listener) throw std::runtime_error(listener.error().message);
    thread_ = std::jthread([this, listener = *std::move(listener)]() mutable {
      listener.serve(
          {
              {"echo",
               {{"text"}},
               [](const json& request) -> Result<json> { return json{{"text", request["text"]}}; }},
              {"much",
               {},
               [](const json&) -> Result<json> {
                 return json{{"text", std::string(500'000, 'x')}};
               }},
          },
          stop_.get());
    });
  }
  ~ListenerTest() override { ::eventfd_write(stop_.get(), 1); }
  ListenerTest(const ListenerTest&) = delete;
  ListenerTest& operator=(const ListenerTest&) = delete;
  ListenerTest(ListenerTest&&) = delete;
  ListenerTest& operator=(ListenerTest&&) = delete;

  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "control.sock"; }

  [[nodiscard]] UniqueFd connect() const {
    auto fd = connect_unix(path());
    EXPECT_TRUE(fd);
    return fd ? *std::move(fd) : UniqueFd();
  }

  static bool send(const UniqueFd& fd, std::string_view text) {
    return ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  /// All that comes up to and with `lines` newlines or the end.
  static std::string receive(const UniqueFd& fd, long lines = 1) {
    std::string received;
    std::string part(65536, '\0');
    while (lines > 0) {
      const ssize_t got = ::recv(fd.get(), part.data(), part.size(), 0);
      if (got <= 0) break;
      lines -= std::count(part.begin(), part.begin() + got, '\n');
      received.append(part, 0, static_cast<std::size_t>(got));
    }
    return received;
  }

  static std::string echo(std::string_view text) {
    return fmt::format("{{\"verb\":\"echo\",\"text\":\"{}\"}}\n", text);
  }
  static std::string echoed(std::string_view text) {
    return fmt::format("{{\"ok\":true,\"text\":\"{}\"}}\n", text);
  }

 private:
  TemporaryFolder folder_;
  UniqueFd stop_{::eventfd(0, EFD_CLOEXEC)};
  std::jthread thread_;
};

TEST_F(ListenerTest, AnswersRequestsInOrder) {
  const UniqueFd client = connect();
  ASSERT_TRUE(send(client, echo("a") + "\n" + echo("b") + echo("c")));
  EXPECT_EQ(receive(client, 3), echoed("a") + echoed("b") + echoed("c"));
}

TEST_F(ListenerTest, TakesARequestInPieces) {
  const UniqueFd client = connect();
  for (const char c : echo("pieces")) ASSERT_TRUE(send(client, {&c, 1}));
  EXPECT_EQ(receive(client), echoed("pieces"));
}

TEST_F(ListenerTest, AnswersAClientThatHasClosedItsSendingSide) {
  const UniqueFd client = connect();
  ASSERT_TRUE(send(client, echo("a")));
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  EXPECT_EQ(receive(client, 2), echoed("a"));  // and then the end
}

TEST_F(ListenerTest, AnswersBesideClientsThatSayNothingOrHalf) {
  const UniqueFd silent = connect();
  const UniqueFd half = connect();
  ASSERT_TRUE(send(half, "{\"verb\":"));
  const UniqueFd client = connect();
  ASSERT_TRUE(send(client, echo("a")));
  EXPECT_EQ(receive(client), echoed("a"));
}

TEST_F(ListenerTest, SurvivesRubbish) {
  const UniqueFd client = connect();
  ASSERT_TRUE(send(client, std::string("\0\xff\x1b{{{\n", 7) + echo("a")));
  EXPECT_THAT(receive(client, 2), EndsWith(echoed("a")));
}

TEST_F(ListenerTest, RefusesALongLineAndCloses) {
  const UniqueFd client = connect();
  send(client, std::string(kMaxRequest.value(), 'x'));
  EXPECT_THAT(receive(client, 2), HasSubstr("request is longer than 64 KiB"));
}

TEST_F(ListenerTest, DropsAClientThatNeverReads) {
  const UniqueFd client = connect();
  bool sent = true;
  for (int i = 0; i < 1000 && sent; ++i) sent = send(client, "{\"verb\":\"much\"}\n");
  // What was on its way still arrives, then the end, far from a thousand replies.
  EXPECT_LT(std::ranges::count(receive(client, 1000), '\n'), 100);

  const UniqueFd other = connect();
  ASSERT_TRUE(send(other, echo("a")));
  EXPECT_EQ(receive(other), echoed("a"));
}

TEST_F(ListenerTest, FinishesALargeReplyToASlowReader) {
  const UniqueFd slow = connect();
  ASSERT_TRUE(send(slow, "{\"verb\":\"much\"}\n"));
  const UniqueFd other = connect();
  ASSERT_TRUE(send(other, echo("a")));
  EXPECT_EQ(receive(other), echoed("a"));
  EXPECT_GT(receive(slow).size(), 500'000U);
}

TEST_F(ListenerTest, GivesTheQuietestClientsPlaceToANewOne) {
  std::deque<UniqueFd> clients;
  for (std::size_t i = 0; i < kMaxClients; ++i) {
    clients.push_back(connect());
    ASSERT_TRUE(send(clients.back(), echo("a")));
    EXPECT_EQ(receive(clients.back()), echoed("a"));
  }
  const UniqueFd late = connect();
  ASSERT_TRUE(send(late, echo("late")));
  EXPECT_EQ(receive(late), echoed("late"));
  EXPECT_EQ(receive(clients.front()), "");  // its end
  ASSERT_TRUE(send(clients.back(), echo("still here")));
  EXPECT_EQ(receive(clients.back()), echoed("still here"));
}

TEST(ListenerChore, IsDoneAgainWhenItIsDue) {
  const TemporaryFolder folder;
  auto listener = Listener::bind(folder.path() / "control.sock");
  ASSERT_TRUE(listener);
  const UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  int times = 0;
  listener->serve({}, stop.get(), [&]() -> std::optional<std::chrono::steady_clock::time_point> {
    if (++times == 3) ::eventfd_write(stop.get(), 1);
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  });
  EXPECT_EQ(times, 3);
}

}  // namespace
}  // namespace mockdev::control
