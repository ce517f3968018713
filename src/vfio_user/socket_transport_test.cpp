// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/socket_transport.h"

#include <array>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfio_user/protocol.h"
#include "vfio_user/testing.h"

namespace mockdev::vfio_user {
namespace {

using testing::Bytes;
using testing::text;

class SocketTransportTest : public ::testing::Test {
 protected:
  SocketTransportTest() : SocketTransportTest(testing::socket_pair()) {}

  Bytes received() {
    Bytes buffer(100);
    const auto received = transport_->receive(buffer);
    buffer.resize(received.value().bytes);
    return buffer;
  }

  std::unique_ptr<SocketTransport> transport_;
  testing::TestClient client_;

 private:
  explicit SocketTransportTest(std::pair<UniqueFd, UniqueFd> ends)
      : transport_(std::make_unique<SocketTransport>(std::move(ends.first))),
        client_(std::move(ends.second)) {}
};

TEST_F(SocketTransportTest, DescriptorsComeWithTheirBytes) {
  client_.send(text("one"));
  const std::array<int, 2> ends{::dup(0), ::dup(0)};
  client_.send(text("two"), {ends[0], ends[1]});
  client_.send(text("three"));
  Bytes buffer(100);
  const auto first = transport_->receive(buffer);
  EXPECT_EQ(first->bytes, 6U);
  ASSERT_EQ(first->fds.size(), 2U);
  EXPECT_NE(::fcntl(first->fds[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(received(), text("three"));
  for (const int end : ends) ::close(end);
}

TEST_F(SocketTransportTest, AsManyDescriptorsAsLinuxPassesAreTaken) {
  std::vector<int> many(protocol::kMostDescriptors, client_.fd());
  Bytes control(CMSG_SPACE(many.size() * sizeof(int)));
  std::byte byte{};
  iovec part{&byte, 1};
  msghdr out{};
  out.msg_iov = &part;
  out.msg_iovlen = 1;
  out.msg_control = control.data();
  out.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&out);
  *rights = {.cmsg_len = CMSG_LEN(many.size() * sizeof(int)),
             .cmsg_level = SOL_SOCKET,
             .cmsg_type = SCM_RIGHTS};
  std::memcpy(CMSG_DATA(rights), many.data(), many.size() * sizeof(int));
  ASSERT_EQ(::sendmsg(client_.fd(), &out, 0), 1);
  Bytes buffer(16);
  const auto got = transport_->receive(buffer);
  EXPECT_EQ(got->fds.size(), protocol::kMostDescriptors);
  EXPECT_FALSE(got->fds_lost);
}

TEST_F(SocketTransportTest, ALargeMessageLeavesWholeThroughASmallBuffer) {
  const int small = 4096;
  ASSERT_EQ(::setsockopt(client_.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
  const Bytes body(1'000'000, std::byte{5});
  const auto message = testing::message(protocol::Command::region_read, body);
  std::jthread sender([&] {
    const auto parts = std::to_array<std::span<const std::byte>>(
        {std::span(message).first(16), {}, std::span(message).subspan(16)});
    EXPECT_TRUE(transport_->send(parts));
  });
  const auto reply = client_.receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->body, body);
}

TEST_F(SocketTransportTest, APeerThatWasKilledHasLeft) {
  ASSERT_TRUE(transport_->send(std::to_array<std::span<const std::byte>>({text("unread")})));
  client_.leave();
  EXPECT_TRUE(transport_->peer_is_gone());
  EXPECT_EQ(received().size(), 0U);
  EXPECT_FALSE(transport_->send(std::to_array<std::span<const std::byte>>({text("more")})));
}

TEST_F(SocketTransportTest, ShuttingDownWakesAReceiver) {
  std::jthread receiver([&] { EXPECT_EQ(received().size(), 0U); });
  transport_->shut_down();
}

TEST_F(SocketTransportTest, AfterFinishSendingThePeersLastWordsAreHeard) {
  EXPECT_FALSE(transport_->peer_is_gone());
  transport_->finish_sending();
  EXPECT_FALSE(client_.receive().has_value());
  client_.send(text("bye"));
  EXPECT_EQ(received(), text("bye"));
}

TEST_F(SocketTransportTest, ClosingOverUnreadBytesIsNoResetToThePeer) {
  client_.send(text("unread"));
  transport_.reset();
  std::byte byte{};
  EXPECT_EQ(::recv(client_.fd(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace mockdev::vfio_user
