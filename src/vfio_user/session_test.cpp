// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/session.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio_user/socket_transport.h"
#include "vfio_user/testing.h"

namespace mockdev::vfio_user {
namespace {

using protocol::Command;
using protocol::RegionAccess;
using testing::Bytes;
using ::testing::HasSubstr;
using testing::join;
using testing::kReadWrite;
using testing::message;
using testing::TestDevice;
using testing::text;

/// A session on a socket, and its client.
class SessionTest : public ::testing::Test {
 protected:
  explicit SessionTest(std::chrono::milliseconds dma_patience = Session::kDmaPatience)
      : SessionTest(testing::socket_pair(), dma_patience) {}

  ~SessionTest() override { client_.leave(); }

  SessionTest(const SessionTest&) = delete;
  SessionTest& operator=(const SessionTest&) = delete;
  SessionTest(SessionTest&&) = delete;
  SessionTest& operator=(SessionTest&&) = delete;

  /// Why the session ended; empty: the client left.
  std::string end() {
    client_.leave();
    return ended_.get();
  }

  Bytes read(std::uint32_t region, std::uint64_t offset, std::uint32_t count) {
    const auto reply = client_.ask(
        Command::region_read,
        protocol::bytes_of(RegionAccess{.offset = offset, .region = region, .count = count}));
    EXPECT_EQ(reply.error(), 0U);
    if (reply.error() != 0) return {};
    return {reply.body.begin() + sizeof(RegionAccess), reply.body.end()};
  }

  testing::TestClient::Reply write(std::uint32_t region, std::uint64_t offset, const Bytes& data) {
    return client_.ask(
        Command::region_write,
        join(RegionAccess{offset, region, static_cast<std::uint32_t>(data.size())}, data));
  }

  std::uint32_t error_of(Command command, const Bytes& body = {}) {
    return client_.ask(command, body).error();
  }

  void map(std::uint64_t address, std::uint64_t size, const UniqueFd& fd = {}) {
    const protocol::DmaMap request{
        .argsz = 32, .flags = kReadWrite, .offset = 0, .address = address, .size = size};
    const auto reply = fd ? client_.ask(Command::dma_map, join(request), {fd.get()})
                          : client_.ask(Command::dma_map, join(request));
    ASSERT_EQ(reply.error(), 0U);
  }

  TestDevice device_;
  testing::TestClient client_;

 private:
  SessionTest(std::pair<UniqueFd, UniqueFd> ends, std::chrono::milliseconds dma_patience)
      : client_(std::move(ends.first)),
        ended_(std::async(std::launch::async,
                          [this, dma_patience, socket = std::move(ends.second)]() mutable {
                            SocketTransport transport(std::move(socket));
                            Session session(transport, device_, "test", dma_patience);
                            const auto served = session.serve();
                            return served ? std::string() : served.error().message;
                          })) {}

  std::future<std::string> ended_;
};

/// A session that is past VERSION.
class ServedTest : public SessionTest {
 protected:
  explicit ServedTest(std::chrono::milliseconds dma_patience = Session::kDmaPatience)
      : SessionTest(dma_patience) {
    EXPECT_TRUE(client_.greet());
  }
};

TEST_F(SessionTest, VersionIsAnsweredAndTellsTheDevice) {
  client_.send(testing::hello());
  const auto reply = client_.receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->header.flags, protocol::kTypeReply);
  EXPECT_EQ(reply->as<protocol::Version>().minor, 1);
  EXPECT_EQ(reply->body.back(), std::byte{0});
  EXPECT_LE(reply->header.size, 214U);
  EXPECT_TRUE(device_.has_client());
  EXPECT_EQ(end(), "");
  EXPECT_FALSE(device_.has_client());
}

TEST_F(SessionTest, AFirstMessageOtherThanVersionEndsTheConnection) {
  EXPECT_EQ(error_of(Command::reset), std::uint32_t{EINVAL});
  EXPECT_FALSE(client_.receive().has_value());
  EXPECT_EQ(end(), "RESET: the first message is not VERSION");
  EXPECT_EQ(device_.connections, 0);
}

TEST_F(SessionTest, AVersionThatIsNotOursEndsTheConnection) {
  EXPECT_EQ(error_of(Command::version, join(protocol::Version{1, 0})), std::uint32_t{EINVAL});
  EXPECT_EQ(end(), "VERSION: version 1.0 is not 0.x");
}

TEST_F(SessionTest, LeavingAtOnceIsFine) {
  EXPECT_EQ(end(), "");
}

TEST_F(ServedTest, ASecondVersionIsRefused) {
  EXPECT_EQ(error_of(Command::version, join(protocol::Version{0, 1})), std::uint32_t{EINVAL});
  EXPECT_EQ(error_of(Command::reset), 0U);
}

TEST_F(ServedTest, InfoNamesRegionsAndInterrupts) {
  const auto info = client_.ask(Command::get_info, join(protocol::DeviceInfo{32, 0, 0, 0}))
                        .as<protocol::DeviceInfo>();
  EXPECT_EQ(info.argsz, 16U);
  EXPECT_EQ(info.flags, 3U);
  EXPECT_EQ(info.regions, 9U);
  EXPECT_EQ(info.irqs, 5U);
  EXPECT_EQ(error_of(Command::get_info, join(protocol::DeviceInfo{15, 0, 0, 0})),
            std::uint32_t{EINVAL});
}

TEST_F(ServedTest, RegionsTellSizeAndAccess) {
  const auto ask = [&](std::uint32_t index, std::uint32_t argsz = 32) {
    return client_.ask(Command::get_region_info,
                       join(protocol::RegionInfo{argsz, 0, index, 0, 0, 0}));
  };
  const auto plain = ask(TestDevice::kPlain).as<protocol::RegionInfo>();
  EXPECT_EQ(plain.size, 4096U);
  EXPECT_EQ(plain.flags, 3U);
  EXPECT_EQ(plain.argsz, 32U);
  EXPECT_EQ(ask(TestDevice::kReadOnly).as<protocol::RegionInfo>().flags, 1U);
  EXPECT_EQ(ask(TestDevice::kWriteOnly).as<protocol::RegionInfo>().flags, 2U);
  EXPECT_EQ(ask(TestDevice::kAbsent).as<protocol::RegionInfo>().size, 0U);
  EXPECT_EQ(ask(TestDevice::kAbsent).error(), 0U);
  EXPECT_EQ(ask(9).error(), std::uint32_t{EINVAL});
  EXPECT_EQ(ask(0, 31).error(), std::uint32_t{EINVAL});
  EXPECT_EQ(client_
                .ask(Command::get_region_info,
                     join(protocol::RegionInfo{4064, 0, 0, 0, 0, 0}, Bytes(4032)))
                .body.size(),
            32U);
}

TEST_F(ServedTest, InterruptsTellCountAndFlags) {
  const auto ask = [&](std::uint32_t index) {
    return client_.ask(Command::get_irq_info, join(protocol::IrqInfo{16, 0, index, 0}));
  };
  EXPECT_EQ(ask(0).as<protocol::IrqInfo>().flags, 3U);
  EXPECT_EQ(ask(1).as<protocol::IrqInfo>().count, 0U);
  EXPECT_EQ(ask(1).as<protocol::IrqInfo>().flags, 0U);
  EXPECT_EQ(ask(2).as<protocol::IrqInfo>().count, 4U);
  EXPECT_EQ(ask(2).as<protocol::IrqInfo>().flags, 1U);
  EXPECT_EQ(ask(5).error(), std::uint32_t{EINVAL});
}

TEST_F(ServedTest, RegionsHaveNoDescriptorsForInput) {
  const auto reply =
      client_.ask(Command::get_region_io_fds, join(protocol::RegionIoFds{16, 0, 0, 0}));
  EXPECT_EQ(reply.as<protocol::RegionIoFds>().count, 0U);
  EXPECT_EQ(reply.body.size(), 16U);
  EXPECT_EQ(error_of(Command::get_region_io_fds, join(protocol::RegionIoFds{16, 0, 9, 0})),
            std::uint32_t{EINVAL});
}

TEST_F(ServedTest, WhatIsWrittenIsRead) {
  EXPECT_EQ(write(TestDevice::kPlain, 0xffd, text("abc")).body.size(), sizeof(RegionAccess));
  EXPECT_EQ(read(TestDevice::kPlain, 0xffd, 3), text("abc"));
}

TEST_F(ServedTest, ReadsOfAnySizeUpToTheLimitAreAnswered) {
  for (const std::uint32_t size : {1U, 7U, 255U, 256U, 257U, 4096U, 1U << 20U}) {
    EXPECT_EQ(read(TestDevice::kLarge, 3, size).size(), size);
  }
  EXPECT_EQ(read(TestDevice::kPlain, 4096, 0).size(), 0U);
}

TEST_F(ServedTest, AccessesThatARegionDoesNotAllowAreSwallowed) {
  EXPECT_EQ(write(TestDevice::kReadOnly, 0, text("abcd")).error(), 0U);
  EXPECT_EQ(read(TestDevice::kReadOnly, 0, 1), Bytes(1, std::byte{0xaa}));
  EXPECT_EQ(write(TestDevice::kWriteOnly, 0, text("abcd")).error(), 0U);
  EXPECT_EQ(read(TestDevice::kWriteOnly, 0, 4), Bytes(4));
}

TEST_F(ServedTest, AccessesOutOfRangeAreRefused) {
  const auto refused = [&](std::uint64_t offset, std::uint32_t region, std::uint32_t count) {
    return error_of(Command::region_read, join(RegionAccess{offset, region, count})) == EINVAL;
  };
  EXPECT_TRUE(refused(4093, TestDevice::kPlain, 4));
  EXPECT_TRUE(refused(4096, TestDevice::kPlain, 1));
  EXPECT_TRUE(refused(~std::uint64_t{0}, TestDevice::kPlain, 2));
  EXPECT_TRUE(refused(0, TestDevice::kAbsent, 1));
  EXPECT_TRUE(refused(0, 9, 1));
  EXPECT_TRUE(refused(0, 0xffffffff, 1));
  EXPECT_TRUE(refused(0, TestDevice::kLarge, (1U << 20U) + 1));
  EXPECT_TRUE(refused(0, TestDevice::kLarge, 0xffffffff));
  EXPECT_EQ(write(TestDevice::kPlain, 4093, text("abcd")).error(), std::uint32_t{EINVAL});
  EXPECT_EQ(device_.writes, 0);
}

TEST_F(ServedTest, AWriteHasAsMuchDataAsItDeclares) {
  EXPECT_EQ(error_of(Command::region_write, join(RegionAccess{0, 0, 4}, Bytes(5))),
            std::uint32_t{EINVAL});
  EXPECT_EQ(error_of(Command::region_write, join(RegionAccess{0, 0, 4}, Bytes(3))),
            std::uint32_t{EINVAL});
  EXPECT_EQ(device_.writes, 0);
}

TEST_F(ServedTest, ShortBodiesAreRefused) {
  for (std::uint16_t command = 2; command <= 12; ++command) {
    EXPECT_EQ(error_of(Command{command}, Bytes(3)), std::uint32_t{EINVAL}) << command;
  }
}

TEST_F(ServedTest, PostedWritesAreDoneBeforeWhatFollows) {
  Bytes burst;
  for (std::uint32_t i = 0; i < 100; ++i) {
    burst = join(burst, message(Command::region_write, join(RegionAccess{4 * i, 0, 4}, i), 1,
                                protocol::kNoReply));
  }
  client_.send(burst);
  EXPECT_EQ(read(TestDevice::kPlain, 4 * 99, 4), join(std::uint32_t{99}));
  EXPECT_EQ(device_.writes, 100);
}

TEST_F(ServedTest, NothingIsSaidWhereNoReplyIsWanted) {
  client_.send(message(Command::region_read, join(RegionAccess{0, 0, 4}), 1, protocol::kNoReply));
  client_.send(message(Command::region_read, join(RegionAccess{0, 99, 4}), 2, protocol::kNoReply));
  client_.send(message(Command{99}, {}, 3, protocol::kNoReply));
  EXPECT_EQ(error_of(Command::reset), 0U);
}

TEST_F(ServedTest, ManyWritesInOneMessageAreAllDone) {
  const auto one = [](std::uint64_t offset, std::uint32_t count, std::uint64_t data) {
    return join(offset, TestDevice::kPlain, count, data);
  };
  const auto reply = client_.ask(
      Command::region_write_multi,
      join(std::uint64_t{3}, one(0, 8, 0x1111111111111111), one(8, 2, 0x2222), one(100, 1, 7)));
  EXPECT_EQ(reply.as<std::uint64_t>(), 3U);
  EXPECT_EQ(reply.body.size(), 8U);
  EXPECT_EQ(read(TestDevice::kPlain, 8, 4), join(std::uint32_t{0x2222}));
  EXPECT_EQ(read(TestDevice::kPlain, 100, 2), join(std::uint16_t{7}));
}

TEST_F(ServedTest, ManyWritesAreDoneAllOrNone) {
  const auto one = [](std::uint64_t offset, std::uint32_t count) {
    return join(offset, TestDevice::kPlain, count, std::uint64_t{0});
  };
  const auto refused = [&](const Bytes& body) {
    return error_of(Command::region_write_multi, body) == EINVAL;
  };
  EXPECT_TRUE(refused(join(std::uint64_t{2}, one(0, 8), one(4090, 8))));
  EXPECT_TRUE(refused(join(std::uint64_t{2}, one(0, 8), one(0, 9))));
  EXPECT_TRUE(refused(join(std::uint64_t{2}, one(0, 8))));
  EXPECT_TRUE(refused(join(~std::uint64_t{0}, one(0, 8))));
  EXPECT_EQ(device_.writes, 0);
}

TEST_F(ServedTest, ResetReachesTheDevice) {
  EXPECT_EQ(client_.ask(Command::reset).body.size(), 0U);
  EXPECT_EQ(device_.resets, 1);
}

TEST_F(ServedTest, WhatIsNotSupportedGetsAnErrorAndNoMore) {
  for (const Command command : {Command::dirty_pages, Command::device_feature,
                                Command::migration_read, Command::migration_write}) {
    const auto reply = client_.ask(command, Bytes(8));
    EXPECT_EQ(reply.error(), std::uint32_t{ENOTTY});
    EXPECT_EQ(reply.body.size(), 0U);
  }
  for (const int unknown : {0, 11, 12, 19, 65535}) {
    EXPECT_EQ(error_of(static_cast<Command>(unknown), Bytes(64)), std::uint32_t{EINVAL});
  }
  EXPECT_EQ(error_of(Command::reset), 0U);
}

TEST_F(ServedTest, UnmapRepeatsItsRequest) {
  map(0x1000, 0x1000);
  const auto request = join(protocol::DmaUnmap{24, 0, 0x1000, 0x1000});
  // SPDK sends the map's descriptor once more.
  const UniqueFd file = testing::memory_file(0x1000);
  EXPECT_EQ(client_.ask(Command::dma_unmap, request, {file.get()}).body, request);
  EXPECT_EQ(error_of(Command::dma_unmap, request), std::uint32_t{ENOENT});
}

TEST_F(ServedTest, DescriptorsThatNobodyAskedForAreRefusedAndClosed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const auto reply =
      client_.ask(Command::get_info, join(protocol::DeviceInfo{16, 0, 0, 0}), {ends[1], ends[1]});
  EXPECT_EQ(reply.error(), std::uint32_t{EINVAL});
  EXPECT_EQ(error_of(Command::reset), 0U);
  ::close(ends[1]);
  std::byte byte{};
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "no other end is open";
  ::close(ends[0]);
}

TEST_F(ServedTest, InterruptsReachTheClient) {
  const UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const protocol::SetIrqs set{.argsz = 20,
                              .flags = protocol::kIrqDataEventfd | protocol::kIrqActionTrigger,
                              .index = TestDevice::kVectors,
                              .start = 3,
                              .count = 1};
  EXPECT_EQ(client_.ask(Command::set_irqs, join(set), {fd.get()}).body.size(), 0U);
  device_.client()->trigger(TestDevice::kVectors, 3);
  std::uint64_t count = 0;
  EXPECT_EQ(::read(fd.get(), &count, sizeof(count)), 8);
  EXPECT_EQ(count, 1U);
}

TEST_F(ServedTest, AMessageThatIsNeitherCommandNorReplyEndsTheConnection) {
  client_.send(message(Command::reset, {}, 1, 5));
  EXPECT_FALSE(client_.receive().has_value());
  EXPECT_EQ(end(), "message type 5 is neither command (0) nor reply (1)");
}

TEST_F(ServedTest, LeavingWithinAMessageIsNoticed) {
  auto cut = message(Command::dma_map, Bytes(32));
  cut.resize(20);
  client_.send(cut);
  EXPECT_THAT(end(), HasSubstr("in the middle of a message: 20 of 48 bytes"));
  EXPECT_FALSE(device_.has_client());
}

TEST_F(ServedTest, MemoryWithADescriptorIsCopiedAtOnce) {
  const UniqueFd first = testing::memory_file(0x1000);
  const UniqueFd second = testing::memory_file(0x1000);
  map(0x1000, 0x1000, first);
  map(0x2000, 0x1000, second);
  ASSERT_TRUE(device_.client()->dma_write(GuestAddress{0x1ffe}, text("abcd")));
  Bytes back(4);
  ASSERT_TRUE(device_.client()->dma_read(GuestAddress{0x1ffe}, back));
  EXPECT_EQ(back, text("abcd"));
  EXPECT_FALSE(device_.client()->dma_read(GuestAddress{0x2ffe}, back));
}

TEST_F(ServedTest, MemoryIsCopiedWithinTheClient) {
  const UniqueFd mapped = testing::sealed_memory_file(0x2000);
  const UniqueFd unsealed = testing::memory_file(0x1000);
  map(0x1000, 0x2000, mapped);
  map(0x3000, 0x1000, unsealed);
  const auto copied = [&](std::uint64_t from, std::uint64_t to) {
    EXPECT_TRUE(device_.client()->dma_write(GuestAddress{from}, text("abcd")));
    Bytes buffer(4);
    EXPECT_TRUE(device_.client()->dma_copy(GuestAddress{from}, GuestAddress{to}, buffer));
    EXPECT_TRUE(device_.client()->dma_read(GuestAddress{to}, buffer));
    return buffer;
  };
  EXPECT_EQ(copied(0x1010, 0x2010), text("abcd"));
  EXPECT_EQ(copied(0x1020, 0x2ffe), text("abcd")) << "which is mapped in part";
  EXPECT_EQ(copied(0x3010, 0x1030), text("abcd")) << "from what is not mapped";
  Bytes buffer(4);
  EXPECT_FALSE(device_.client()->dma_copy(GuestAddress{0x1010}, GuestAddress{0x3ffe}, buffer));
  EXPECT_FALSE(device_.client()->dma_copy(GuestAddress{0}, GuestAddress{0x1010}, buffer));
}

/// A client that has 64 KiB of memory without a descriptor, and the device's reads of it.
class RemoteTest : public ServedTest {
 protected:
  explicit RemoteTest(std::chrono::milliseconds dma_patience = Session::kDmaPatience)
      : ServedTest(dma_patience) {
    map(0, 65536);
  }

  /// Starts a read in a thread of the device and takes the request for it.
  testing::TestClient::Reply begin_read(std::size_t size) {
    into_.resize(size);
    reading_ = std::async(std::launch::async, [this] {
      const auto read = device_.client()->dma_read(GuestAddress{0x100}, into_);
      return read ? std::string("done") : read.error().message;
    });
    return client_.receive().value();
  }

  void answer(const testing::TestClient::Reply& request, const Bytes& body,
              std::uint32_t flags = protocol::kTypeReply, std::uint32_t error = 0) {
    auto header = request.header;
    header.size = static_cast<std::uint32_t>(sizeof(header) + body.size());
    header.flags = flags;
    header.error = error;
    client_.send(join(header, body));
  }

  Bytes into_;
  std::future<std::string> reading_;
};

TEST_F(RemoteTest, MemoryWithoutADescriptorIsAskedFor) {
  const auto request = begin_read(4);
  EXPECT_EQ(request.header.command, 11);
  EXPECT_EQ(request.header.flags, 0U);
  EXPECT_EQ(request.as<protocol::DmaAccess>().address, 0x100U);
  EXPECT_EQ(request.as<protocol::DmaAccess>().count, 4U);
  answer(request, join(request.body, text("wxyz")));
  EXPECT_EQ(reading_.get(), "done");
  EXPECT_EQ(into_, text("wxyz"));
}

TEST_F(RemoteTest, RequestsAreServedWhileAReadWaits) {
  const auto request = begin_read(4);
  EXPECT_EQ(read(TestDevice::kReadOnly, 0, 1).size(), 1U);
  EXPECT_EQ(error_of(Command::reset), 0U);
  answer(request, join(request.body, text("wxyz")));
  EXPECT_EQ(reading_.get(), "done");
}

TEST_F(RemoteTest, RepliesThatAreWrongFailTheRead) {
  const auto too_short = begin_read(4);
  answer(too_short, join(too_short.body, text("wx")));
  EXPECT_THAT(reading_.get(), HasSubstr("something else"));
  const auto too_long = begin_read(4);
  answer(too_long, join(too_long.body, text("wxyz!")));
  EXPECT_THAT(reading_.get(), HasSubstr("something else"));
  const auto elsewhere = begin_read(4);
  answer(elsewhere, join(protocol::DmaAccess{0x200, 4}, text("wxyz")));
  EXPECT_THAT(reading_.get(), HasSubstr("something else"));
  const auto empty = begin_read(4);
  answer(empty, {});
  EXPECT_THAT(reading_.get(), HasSubstr("something else"));
  const auto error = begin_read(4);
  answer(error, {}, protocol::kTypeReply | protocol::kError, EFAULT);
  EXPECT_THAT(reading_.get(), HasSubstr("Bad address"));
}

TEST_F(RemoteTest, RepliesThatNothingWaitsForAreIgnored) {
  const auto request = begin_read(4);
  auto other = request;
  other.header.id = static_cast<std::uint16_t>(request.header.id + 1);
  answer(other, join(request.body, text("nono")));
  auto other_command = request;
  other_command.header.command = 12;
  answer(other_command, join(request.body, text("nono")));
  answer(request, join(request.body, text("wxyz")));
  answer(request, join(request.body, text("late")));
  EXPECT_EQ(reading_.get(), "done");
  EXPECT_EQ(error_of(Command::reset), 0U);
  EXPECT_EQ(into_, text("wxyz"));
}

TEST_F(RemoteTest, AReadFailsWhenTheClientLeaves) {
  begin_read(4);
  EXPECT_EQ(end(), "");
  EXPECT_EQ(reading_.get(), "the client has left");
}

TEST_F(RemoteTest, WritesAreSentWithoutWaiting) {
  ASSERT_TRUE(device_.client()->dma_write(GuestAddress{0x200}, text("abcd")));
  const auto request = client_.receive().value();
  EXPECT_EQ(request.header.command, 12);
  EXPECT_EQ(request.header.flags, protocol::kNoReply);
  EXPECT_EQ(request.body, join(protocol::DmaAccess{0x200, 4}, text("abcd")));
}

/// Reads of client memory that give up at once.
class ImpatientTest : public RemoteTest {
 protected:
  ImpatientTest() : RemoteTest(std::chrono::milliseconds(1)) {}
};

TEST_F(ImpatientTest, AReplyThatComesTooLateTouchesNothing) {
  const auto request = begin_read(4);
  EXPECT_THAT(reading_.get(),
              HasSubstr("did not answer DMA_READ of 0x4 bytes at 0x100 within 1 ms"));
  answer(request, join(request.body, text("late")));
  EXPECT_EQ(error_of(Command::reset), 0U);
  EXPECT_EQ(into_, Bytes(4));
}

TEST_F(SessionTest, DmaMessagesKeepToTheClientsLimit) {
  const auto json = text(R"({"capabilities":{"max_data_xfer_size":3}})");
  ASSERT_EQ(error_of(Command::version, join(protocol::Version{0, 1}, json, std::byte{0})), 0U);
  map(0, 65536);
  ASSERT_TRUE(device_.client()->dma_write(GuestAddress{0x10}, text("abcdefgh")));
  for (const auto& [address, part] :
       {std::pair{0x10U, "abc"}, std::pair{0x13U, "def"}, std::pair{0x16U, "gh"}}) {
    EXPECT_EQ(client_.receive()->body,
              join(protocol::DmaAccess{address, std::string_view(part).size()}, text(part)));
  }
}

/// A device that uses client memory while it is written to.
class NestedDevice final : public Device {
 public:
  [[nodiscard]] std::span<const Region> regions() const override { return kRegions; }
  [[nodiscard]] std::span<const IrqIndex> irqs() const override { return {}; }
  void read(std::uint32_t /*region*/, std::uint64_t /*offset*/,
            std::span<std::byte> /*into*/) override {}
  void write(std::uint32_t /*region*/, std::uint64_t /*offset*/,
             std::span<const std::byte> /*data*/) override {
    Bytes buffer(4);
    results = {client->dma_read(GuestAddress{0}, buffer),
               client->dma_write(GuestAddress{0}, buffer)};
  }
  void reset() override {}
  void connected(Client& connected) override { client = &connected; }
  void disconnected() override {}

  Client* client = nullptr;
  std::array<Result<void>, 2> results;

 private:
  static constexpr std::array<Region, 1> kRegions{{{.size = 16_B, .writable = true}}};
};

TEST(NestedDma, IsAnErrorAndNoDeadlock) {
  testing::MemoryTransport transport;
  transport.load(
      {join(testing::hello(),
            message(Command::dma_map, join(protocol::DmaMap{32, kReadWrite, 0, 0, 4096})),
            message(Command::region_write, join(RegionAccess{0, 0, 1}, std::byte{1})))});
  NestedDevice device;
  Session session(transport, device, "test");
  ASSERT_TRUE(session.serve());
  for (const auto& result : device.results) {
    EXPECT_THAT(result.error().message, HasSubstr("can't be used while a request is served"));
  }
}

TEST(Reply, LeavesInOneSend) {
  testing::MemoryTransport transport;
  transport.load(
      {join(testing::hello(), message(Command::region_read, join(RegionAccess{0, 4, 100000})),
            message(Command::reset), message(Command{77}))});
  TestDevice device;
  Session session(transport, device, "test");
  ASSERT_TRUE(session.serve());
  ASSERT_EQ(transport.sent.size(), 4U);
  for (const Bytes& sent : transport.sent) {
    EXPECT_EQ(protocol::load<protocol::Header>(sent).size, sent.size());
  }
}

}  // namespace
}  // namespace mockdev::vfio_user
