// SPDX-License-Identifier: Apache-2.0
// The engine of an accelerator as a client sees it: over a socket, in the client's memory.
#include <algorithm>
#include <array>
#include <future>
#include <memory>

#include <gtest/gtest.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/accelerator.h"
#include "base/mapping.h"
#include "base/testing.h"
#include "server/direct_device.h"
#include "vfio_user/session.h"
#include "vfio_user/socket_transport.h"
#include "vfio_user/testing.h"

namespace mockdev::server {
namespace {

namespace wire = vfio_user::protocol;
using vfio_user::testing::join;
using vfio_user::testing::TestClient;
using WireBytes = vfio_user::testing::Bytes;

constexpr std::uint64_t kMemory = 0x10'0000;  // address; the ring is at its start
constexpr std::uint64_t kMemorySize = 0x10'0000;
constexpr std::uint64_t kRecord = 0x1000;  // offsets in it
constexpr std::uint64_t kTarget = 0x2000;
constexpr std::size_t kCommandRegister = 4;
constexpr std::uint16_t kBusMasterEnable = 4;

/// A client with an accelerator of its own, whose engine is enabled on a ring of 4.
class ServedEngineTest : public ::testing::Test {
 protected:
  ServedEngineTest() {
    EXPECT_TRUE(client_.greet());
    write(VFIO_PCI_CONFIG_REGION_INDEX, kCommandRegister, kBusMasterEnable);
    write(0, MOCK_ACCEL_REG_RING_BASE, kMemory);
    write(0, MOCK_ACCEL_REG_RING_SIZE, std::uint32_t{4});
    write(0, MOCK_ACCEL_REG_ENGINE_CONTROL, std::uint32_t{MOCK_ACCEL_ENGINE_ENABLE});
  }
  ~ServedEngineTest() override { client_.leave(); }

  ServedEngineTest(const ServedEngineTest&) = delete;
  ServedEngineTest& operator=(const ServedEngineTest&) = delete;
  ServedEngineTest(ServedEngineTest&&) = delete;
  ServedEngineTest& operator=(ServedEngineTest&&) = delete;

  template <typename Number>
  void write(std::uint32_t region, std::uint64_t offset, Number value) {
    const auto reply = client_.ask(wire::Command::region_write,
                                   join(wire::RegionAccess{offset, region, sizeof(value)}, value));
    EXPECT_EQ(reply.error(), 0U);
  }
  std::uint32_t reg(std::uint64_t offset) {
    const auto reply =
        client_.ask(wire::Command::region_read, join(wire::RegionAccess{offset, 0, 4}));
    return wire::load<std::uint32_t>(std::span(reply.body).subspan(sizeof(wire::RegionAccess)));
  }
  void map(const UniqueFd& fd = {}) {
    const wire::DmaMap request{.argsz = 32,
                               .flags = vfio_user::testing::kReadWrite,
                               .offset = 0,
                               .address = kMemory,
                               .size = kMemorySize};
    const auto reply = fd ? client_.ask(wire::Command::dma_map, join(request), {fd.get()})
                          : client_.ask(wire::Command::dma_map, join(request));
    ASSERT_EQ(reply.error(), 0U);
  }
  /// Without a reply, as QEMU writes: the engine's own messages may come before it.
  void ring(std::uint32_t tail) {
    const wire::RegionAccess access{MOCK_ACCEL_REG_RING_TAIL, 0, sizeof(tail)};
    client_.send(vfio_user::testing::message(wire::Command::region_write, join(access, tail), 1,
                                             wire::kNoReply));
  }

  /// Fills 8 bytes of the client's memory.
  static mock_accel_descriptor fill() {
    mock_accel_descriptor descriptor{};
    descriptor.operation = MOCK_ACCEL_OP_FILL;
    descriptor.tag = 7;
    descriptor.destination = kMemory + kTarget;
    descriptor.length = 8;
    descriptor.operand = 0x0102'0304'0506'0708;
    descriptor.completion = kMemory + kRecord;
    return descriptor;
  }

  /// Leaves, and says why the session has ended; empty: for that.
  std::string end() {
    client_.leave();
    return ended_.get();
  }

  std::unique_ptr<accel::Accelerator> accelerator_ =
      *accel::Accelerator::make({.uuid = *parse_uuid("00112233-4455-6677-8899-aabbccddeeff"),
                                 .memory = 1_GiB,
                                 .capabilities = MOCK_ACCEL_CAP_COMPUTE});
  DirectDevice device_{*accelerator_};
  std::pair<UniqueFd, UniqueFd> ends_ = vfio_user::testing::socket_pair();
  TestClient client_{std::move(ends_.first)};
  std::future<std::string> ended_ = std::async(std::launch::async, [this] {
    vfio_user::SocketTransport transport(std::move(ends_.second));
    vfio_user::Session session(transport, device_, "test");
    const auto served = session.serve();
    return served ? std::string() : served.error().message;
  });
};

TEST_F(ServedEngineTest, WorksInMemoryThatCameWithADescriptor) {
  const UniqueFd file = vfio_user::testing::memory_file(kMemorySize);
  const mock_accel_descriptor descriptor = fill();
  ASSERT_EQ(::pwrite(file.get(), &descriptor, sizeof(descriptor), 0), sizeof(descriptor));
  map(file);
  ring(1);
  ASSERT_TRUE(eventually([&] { return reg(MOCK_ACCEL_REG_RING_HEAD) == 1; }));
  mock_accel_completion record{};
  ASSERT_EQ(::pread(file.get(), &record, sizeof(record), kRecord), sizeof(record));
  EXPECT_EQ(record.status, std::uint32_t{MOCK_ACCEL_DONE_OK});
  EXPECT_EQ(record.tag, 7U);
  std::uint64_t target = 0;
  ASSERT_EQ(::pread(file.get(), &target, sizeof(target), kTarget), sizeof(target));
  EXPECT_EQ(target, descriptor.operand);
}

TEST_F(ServedEngineTest, CopiesFromAndToMemoryThatIsMapped) {
  const UniqueFd file = vfio_user::testing::sealed_memory_file(kMemorySize);
  const auto memory = *Mapping::of_file(file.get(), 0, kMemorySize, PROT_READ | PROT_WRITE);
  constexpr std::uint64_t kBack = 0x8'0000;
  constexpr std::size_t kCount = 300'000;  // more than a piece
  const auto sent = memory.bytes().subspan(kTarget, kCount);
  for (std::size_t i = 0; i < kCount; ++i) sent[i] = static_cast<std::byte>(i * 7 + i / 256);
  std::array<mock_accel_descriptor, 2> copies{};
  copies[0].flags = MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE;
  copies[0].source = kMemory + kTarget;
  copies[1].flags = MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE;
  copies[1].destination = kMemory + kBack;
  for (auto& copy : copies) {
    copy.operation = MOCK_ACCEL_OP_COPY;
    copy.length = kCount;
    copy.completion = kMemory + kRecord;
  }
  std::ranges::copy(std::as_bytes(std::span(copies)), memory.bytes().begin());
  map(file);
  ring(2);
  ASSERT_TRUE(eventually([&] { return reg(MOCK_ACCEL_REG_RING_HEAD) == 2; }));
  EXPECT_TRUE(std::ranges::equal(memory.bytes().subspan(kBack, kCount), sent));
}

TEST_F(ServedEngineTest, AnUnmapUnderARunningCopyIsAnErrorOfTheCopy) {
  const UniqueFd file = vfio_user::testing::sealed_memory_file(kMemorySize);
  mock_accel_descriptor copy = fill();
  copy.length = kMemorySize - kTarget;
  for (int round = 0; round < 20; ++round) {
    map(file);
    ASSERT_EQ(::pwrite(file.get(), &copy, sizeof(copy), 0), sizeof(copy));
    write(0, MOCK_ACCEL_REG_ENGINE_CONTROL, std::uint32_t{0});
    write(0, MOCK_ACCEL_REG_ENGINE_CONTROL, std::uint32_t{MOCK_ACCEL_ENGINE_ENABLE});
    ring(1);
    const wire::DmaUnmap request{.argsz = 24, .flags = 0, .address = kMemory, .size = kMemorySize};
    ASSERT_EQ(client_.ask(wire::Command::dma_unmap, join(request)).error(), 0U);
    // From the reply on, the server does not touch the memory.
    const WireBytes mark(kMemorySize, std::byte{0x5a});
    ASSERT_EQ(::pwrite(file.get(), mark.data(), mark.size(), 0), ssize_t{kMemorySize});
    ASSERT_TRUE(eventually(
        [&] { return (reg(MOCK_ACCEL_REG_ENGINE_STATUS) & MOCK_ACCEL_ENGINE_BUSY) == 0; }));
    WireBytes now(kMemorySize);
    ASSERT_EQ(::pread(file.get(), now.data(), now.size(), 0), ssize_t{kMemorySize});
    ASSERT_EQ(now, mark);
  }
}

TEST_F(ServedEngineTest, WorksByMessagesWhereThereIsNoDescriptor) {
  map();
  ring(1);
  const auto fetch = client_.receive().value();
  EXPECT_EQ(fetch.as<wire::DmaAccess>().address, kMemory);
  // A vCPU's access is served while the engine waits for the client.
  EXPECT_EQ(reg(MOCK_ACCEL_REG_ENGINE_STATUS), std::uint32_t{MOCK_ACCEL_ENGINE_BUSY});
  const WireBytes answer = join(fetch.as<wire::DmaAccess>(), fill());
  client_.send(join(wire::reply_to(fetch.header, answer.size()), answer));
  EXPECT_EQ(client_.receive().value().as<wire::DmaAccess>().address, kMemory + kTarget);
  EXPECT_EQ(client_.receive().value().as<wire::DmaAccess>().address, kMemory + kRecord);
  EXPECT_TRUE(eventually([&] { return reg(MOCK_ACCEL_REG_RING_HEAD) == 1; }));
}

TEST_F(ServedEngineTest, AClientMayLeaveWhileTheEngineWaitsForIt) {
  map();
  ring(1);
  ASSERT_TRUE(client_.receive().has_value());
  EXPECT_EQ(end(), "");
  std::array<std::byte, 4> control{std::byte{1}};
  accelerator_->bar_read(MOCK_ACCEL_BAR, MOCK_ACCEL_REG_ENGINE_CONTROL, control);
  EXPECT_EQ(control, (std::array<std::byte, 4>{})) << "the device was reset";
}

TEST_F(ServedEngineTest, MemoryThatIsNotMappedHaltsIt) {
  ring(1);
  EXPECT_TRUE(eventually([&] {
    return reg(MOCK_ACCEL_REG_ENGINE_STATUS) ==
           (MOCK_ACCEL_ENGINE_HALTED | MOCK_ACCEL_HALT_FETCH << MOCK_ACCEL_ENGINE_REASON_SHIFT);
  }));
}

}  // namespace
}  // namespace mockdev::server
