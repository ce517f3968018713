// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/testing.h"
#include "base/unix_listener.h"

namespace mockdev::control {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;

/// A server that sends a given text to its one client and closes once the client is gone or
/// `close_at_once`.
class Answering {
 public:
  explicit Answering(std::string text, bool close_at_once = false)
      : listener_(*UnixListener::open(path(), 0600)),
        thread_([this, text = std::move(text), close_at_once] {
          pollfd polled{listener_.fd(), POLLIN, 0};
          ::poll(&polled, 1, -1);
          const UniqueFd client = listener_.accept();
          ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
          std::string request(4096, '\0');
          while (::recv(client.get(), request.data(), request.size(), 0) > 0 && !close_at_once) {
          }
        }) {}

  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "c.sock"; }
  [[nodiscard]] Client client() const { return *Client::connect(path()); }

 private:
  TemporaryFolder folder_;
  UnixListener listener_;
  std::jthread thread_;
};

const json kRequest = {{"verb", "list"}};

TEST(ControlClient, GivesTheReply) {
  const Answering server("{\"ok\":true,\"devices\":[]}\n");
  const auto reply = server.client().call(kRequest);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->at("devices"), json::array());
}

TEST(ControlClient, GivesTheServersRefusalInItsOwnWords) {
  const Answering server("{\"ok\":false,\"error\":\"mock7: no such device\"}\n");
  const auto reply = server.client().call(kRequest);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "mock7: no such device");
}

TEST(ControlClient, RefusesWhatIsNoReply) {
  for (const char* text : {"\n", "hello\n", "[]\n", "{}\n", "{\"ok\":1}\n", "{\"ok\":false}\n",
                           "{\"ok\":false,\"error\":3}\n"}) {
    const Answering server(text);
    const auto reply = server.client().call(kRequest);
    ASSERT_FALSE(reply) << text;
    EXPECT_THAT(reply.error().message, EndsWith("not a reply of mock-accel-server"));
  }
}

TEST(ControlClient, GivesUpWaiting) {
  const Answering server("{\"ok\":true");
  Client client = server.client();
  const auto reply = client.call(kRequest, milliseconds(20));
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("no reply in time"));
  // A late reply must not pass for the next one's.
  EXPECT_THAT(client.call(kRequest).error().message, HasSubstr("connection is closed"));
}

TEST(ControlClient, SaysThatTheServerClosed) {
  const Answering server("{\"ok\":tr", /*close_at_once=*/true);
  EXPECT_THAT(server.client().call(kRequest).error().message, HasSubstr("closed the connection"));
}

TEST(ControlClient, NamesTheSocketThatIsNotThere) {
  EXPECT_EQ(Client::connect("/nonexistent/c.sock").error().message,
            "/nonexistent/c.sock: No such file or directory");
}

}  // namespace
}  // namespace mockdev::control
