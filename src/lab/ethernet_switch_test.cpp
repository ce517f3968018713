// SPDX-License-Identifier: Apache-2.0
#include "lab/ethernet_switch.h"

#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mockdev::lab {
namespace {

const std::string kA("\x52\x54\x00\x77\x00\x0a", 6);
const std::string kB("\x52\x54\x00\x77\x00\x0b", 6);
const std::string kAll(6, '\xff');

std::string frame(const std::string& to, const std::string& from, const std::string& text) {
  return to + from + "\x08\x06" + text;
}

/// As it goes over the socket.
std::string message(const std::string& frame) {
  std::string length(4, '\0');
  length[2] = static_cast<char>(frame.size() >> 8U);
  length[3] = static_cast<char>(frame.size() & 0xffU);
  return length + frame;
}

class Switch : public testing::Test {
 protected:
  UniqueFd connect() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ethernet.add(UniqueFd(ends[0]));
    return UniqueFd(ends[1]);
  }

  void send(const UniqueFd& from, const std::string& bytes) {
    ASSERT_EQ(::write(from.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    auto waits = ethernet.waits();
    ASSERT_GT(::poll(waits.data(), waits.size(), 1000), 0);
    ethernet.serve(waits);
  }

  static std::string received(const UniqueFd& guest) {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(guest.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }

  EthernetSwitch ethernet;
  UniqueFd a = connect();
  UniqueFd b = connect();
  UniqueFd c = connect();
};

TEST_F(Switch, PassesABroadcastToAllOthers) {
  const std::string sent = message(frame(kAll, kA, "who is b"));
  send(a, sent);
  EXPECT_EQ(received(b), sent);
  EXPECT_EQ(received(c), sent);
  EXPECT_EQ(received(a), "");
}

TEST_F(Switch, PassesAFrameOnlyToWhomItHasSeen) {
  send(b, message(frame(kAll, kB, "here is b")));
  EXPECT_NE(received(a), "");
  EXPECT_NE(received(c), "");
  const std::string sent = message(frame(kB, kA, "hello b"));
  send(a, sent);
  EXPECT_EQ(received(b), sent);
  EXPECT_EQ(received(c), "");
}

TEST_F(Switch, PassesAFrameToStrangersEverywhere) {
  send(a, message(frame(kB, kA, "hello b")));
  EXPECT_NE(received(b), "");
  EXPECT_NE(received(c), "");
}

TEST_F(Switch, PutsFramesTogetherThatComeInPieces) {
  const std::string sent = message(frame(kAll, kA, "one")) + message(frame(kAll, kA, "two"));
  send(a, sent.substr(0, 3));
  EXPECT_EQ(received(b), "");
  send(a, sent.substr(3, 20));
  send(a, sent.substr(23));
  EXPECT_EQ(received(b), sent);
}

TEST_F(Switch, HangsUpOnNonsense) {
  send(a, std::string(8, '\xff'));
  EXPECT_EQ(ethernet.waits().size(), 2U);
  send(b, message(frame(kAll, kB, "still here")));
  EXPECT_NE(received(c), "");
}

TEST_F(Switch, ForgetsAGuestThatHasGone) {
  send(b, message(frame(kAll, kB, "here is b")));
  b.reset();
  auto waits = ethernet.waits();
  ASSERT_GT(::poll(waits.data(), waits.size(), 1000), 0);
  ethernet.serve(waits);
  EXPECT_EQ(ethernet.waits().size(), 2U);
  send(a, message(frame(kB, kA, "hello b")));
}

TEST_F(Switch, IsNotHeldUpByAGuestThatDoesNotRead) {
  const std::string sent = message(frame(kAll, kA, std::string(1500, 'x')));
  for (int i = 0; i < 10'000; ++i) {
    send(a, sent);
    static_cast<void>(received(c));
  }
  EXPECT_EQ(ethernet.waits().size(), 3U);
  send(c, message(frame(kAll, kB, "here is c")));
  EXPECT_NE(received(a), "");
}

}  // namespace
}  // namespace mockdev::lab
