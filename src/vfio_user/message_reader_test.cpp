// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/message_reader.h"

#include <cstddef>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vfio_user/testing.h"

namespace mockdev::vfio_user {
namespace {

using protocol::Command;
using testing::Bytes;
using ::testing::HasSubstr;
using testing::join;
using testing::MemoryTransport;
using testing::message;

constexpr std::size_t kMaxSize = protocol::kMaxMessage;

class MessageReaderTest : public ::testing::Test {
 protected:
  Message* next() {
    auto message = reader_.next();
    if (!message) {
      error_ = message.error().message;
      return nullptr;
    }
    return *message;
  }

  static std::vector<UniqueFd> fds(std::size_t count) {
    std::vector<UniqueFd> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(testing::memory_file(1));
    return all;
  }

  MemoryTransport transport_;
  MessageReader reader_{transport_, kMaxSize};
  std::string error_;
};

TEST_F(MessageReaderTest, AnySplitGivesTheSameMessages) {
  const Bytes three = join(message(Command::reset), message(Command::get_info, Bytes(16), 7),
                           message(Command::version, testing::text("abcd"), 9));
  for (std::size_t piece = 1; piece <= three.size(); ++piece) {
    MemoryTransport transport;
    for (std::size_t at = 0; at < three.size(); at += piece) {
      const std::size_t size = std::min(piece, three.size() - at);
      transport.load({Bytes(three.begin() + static_cast<std::ptrdiff_t>(at),
                            three.begin() + static_cast<std::ptrdiff_t>(at + size))});
    }
    MessageReader reader(transport, kMaxSize);
    EXPECT_EQ((*reader.next())->body.size(), 0U);
    EXPECT_EQ((*reader.next())->header.id, 7);
    const Message* third = *reader.next();
    EXPECT_EQ(Bytes(third->body.begin(), third->body.end()), testing::text("abcd"));
    EXPECT_EQ(*reader.next(), nullptr) << "pieces of " << piece;
  }
}

TEST_F(MessageReaderTest, ManyMessagesNeedOneReceive) {
  Bytes many;
  for (int i = 0; i < 100; ++i) many = join(many, message(Command::region_write, Bytes(20)));
  transport_.load({many});
  for (int i = 0; i < 100; ++i) ASSERT_NE(next(), nullptr);
  EXPECT_EQ(transport_.receives, 1);
}

TEST_F(MessageReaderTest, DescriptorsBelongToTheMessageOfTheLastByteReceived) {
  const Bytes last = message(Command::dma_map, Bytes(32));
  transport_.load({join(message(Command::reset), message(Command::reset), last), fds(2)});
  EXPECT_EQ(next()->fds.size(), 0U);
  EXPECT_EQ(next()->fds.size(), 0U);
  EXPECT_EQ(next()->fds.size(), 2U);
}

TEST_F(MessageReaderTest, DescriptorsWithAPartOfAMessageBelongToIt) {
  const Bytes map = message(Command::dma_map, Bytes(32));
  transport_.load({join(message(Command::reset), Bytes(map.begin(), map.begin() + 3)), fds(1)});
  transport_.load({join(Bytes(map.begin() + 3, map.end()), message(Command::reset))});
  EXPECT_EQ(next()->fds.size(), 0U);
  EXPECT_EQ(next()->fds.size(), 1U);
  EXPECT_EQ(next()->fds.size(), 0U);
}

TEST_F(MessageReaderTest, DescriptorsOfAllPiecesOfAMessageComeTogether) {
  const Bytes map = message(Command::dma_map, Bytes(32));
  transport_.load({Bytes(map.begin(), map.begin() + 3), fds(1)});
  transport_.load({Bytes(map.begin() + 3, map.begin() + 20), fds(2)});
  transport_.load({join(Bytes(map.begin() + 20, map.end()), message(Command::reset)), fds(3)});
  EXPECT_EQ(next()->fds.size(), 3U);
  EXPECT_EQ(next()->fds.size(), 3U);
}

TEST_F(MessageReaderTest, MoreDescriptorsThanASendCanHaveEndTheConnection) {
  const Bytes map = message(Command::dma_map, Bytes(32));
  transport_.load({Bytes(map.begin(), map.begin() + 3), fds(200)});
  transport_.load({Bytes(map.begin() + 3, map.end()), fds(54)});
  EXPECT_EQ(next(), nullptr);
  EXPECT_EQ(error_, "254 descriptors with one message are more than 253");
}

TEST_F(MessageReaderTest, LostDescriptorsAreReportedWithTheirMessage) {
  transport_.load({join(message(Command::reset), message(Command::set_irqs)), {}, true});
  EXPECT_FALSE(next()->fds_lost);
  EXPECT_TRUE(next()->fds_lost);
}

TEST_F(MessageReaderTest, DescriptorsThatNobodyTookAreClosedBeforeTheNextWait) {
  auto unwanted = fds(1);
  const int number = unwanted[0].get();
  transport_.load({message(Command::reset), std::move(unwanted)});
  EXPECT_EQ(next()->fds.size(), 1U);
  EXPECT_EQ(next(), nullptr);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(MessageReaderTest, SizesThatNoMessageHasEndTheConnection) {
  for (const std::uint32_t size : {0U, 15U, protocol::kMaxMessage + 1, 0xffffffffU}) {
    MemoryTransport transport;
    transport.load({join(
        protocol::Header{.id = 5, .command = 4, .size = size, .flags = 0, .error = 0}, Bytes(64))});
    MessageReader reader(transport, kMaxSize);
    const auto message = reader.next();
    ASSERT_FALSE(message.has_value());
    EXPECT_THAT(message.error().message,
                HasSubstr("message size " + std::to_string(size) + " is not between 16 and "));
  }
}

TEST_F(MessageReaderTest, LeavingWithinAMessageIsAnError) {
  const Bytes map = message(Command::dma_map, Bytes(32));
  transport_.load({Bytes(map.begin(), map.begin() + 20)});
  EXPECT_EQ(next(), nullptr);
  EXPECT_EQ(error_, "the client left in the middle of a message: 20 of 48 bytes");
}

TEST_F(MessageReaderTest, TheLargestMessageIsTaken) {
  transport_.load({message(Command::region_write, Bytes(kMaxSize - sizeof(protocol::Header)))});
  ASSERT_NE(next(), nullptr);
}

TEST_F(MessageReaderTest, MemoryForALargeMessageIsGivenBackLater) {
  transport_.load({message(Command::region_write, Bytes(1'000'000))});
  ASSERT_NE(next(), nullptr);
  for (int i = 0; i < 100; ++i) {
    transport_.load({message(Command::reset)});
    ASSERT_NE(next(), nullptr);
  }
  EXPECT_EQ(transport_.last_buffer, 16384U);
}

}  // namespace
}  // namespace mockdev::vfio_user
