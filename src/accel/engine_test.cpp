// SPDX-License-Identifier: Apache-2.0
#include "accel/engine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "accel/accelerator.h"
#include "accel/crc32c.h"
#include "accel/testing.h"
#include "base/testing.h"
#include "pci/testing.h"

namespace mockdev::accel {
namespace {

using pci::FlatMemory;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kEngineExpress = 0x40;
constexpr std::size_t kEngineMsix = 0x90;
constexpr std::size_t kEngineSriov = 0x150;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::uint64_t kPattern = 0x8877'6655'4433'2211;

constexpr std::uint8_t kFromDevice = MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE;
constexpr std::uint8_t kToDevice = MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE;
constexpr std::uint8_t kInterrupt = MOCK_ACCEL_DESCRIPTOR_INTERRUPT;

// A machine's memory in these tests: rings and records at the start of an area for each function,
// then a source and a destination for the largest lengths.
constexpr std::uint64_t kArea = 8 * kMiB;
constexpr std::uint64_t kRecords = kMiB / 2;
constexpr std::uint64_t kSource = kMiB;
constexpr std::uint64_t kDestination = 4 * kMiB;

using Bytes = std::vector<std::byte>;

/// Bytes by chance, the same for the same seed.
Bytes noise(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Bytes bytes(count);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
  return bytes;
}

/// Around what the engine moves at once, what the contract calls a piece of work, and nothing.
constexpr auto kLengths =
    std::to_array<std::uint64_t>({0, 1, 7, 8, 9, 4097, Engine::kPieceSize - 1, Engine::kPieceSize,
                                  Engine::kPieceSize + 1, kMiB - 1, kMiB, kMiB + 1});

/// A descriptor, of which a test says what matters.
struct Request {
  std::uint8_t operation = MOCK_ACCEL_OP_NOP;
  std::uint8_t flags = 0;
  std::uint16_t reserved0 = 0;
  std::uint64_t source = 0;
  std::uint64_t destination = 0;
  std::uint64_t length = 0;
  std::uint64_t operand = 0;
  std::uint64_t completion = 0;  ///< 0: a record of its own
  std::uint64_t reserved1 = 0;
};

/// A driver for the engine of one function.
class Driver {
 public:
  Driver(pci::Function& function, FlatMemory& memory, std::uint64_t area = FlatMemory::kAddress)
      : function_(function), memory_(memory), area_(area) {}

  [[nodiscard]] std::uint64_t reg(std::uint64_t offset) const {
    return pci::read_number([&](auto at, auto into) { function_.bar_read(0, at, into); }, offset,
                            4);
  }
  void set_reg(std::uint64_t offset, std::uint64_t value, std::size_t size = 4) {
    pci::write_number([&](auto at, auto data) { function_.bar_write(0, at, data); }, offset, size,
                      value);
  }
  void set_config(std::size_t offset, std::uint64_t value) {
    pci::write_number([&](auto at, auto data) { function_.config_write(at, data); }, offset, 2,
                      value);
  }

  void enable(std::uint32_t size = 64) {
    set_config(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    set_config(kEngineMsix + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
    enable_ring(area_, size);
  }
  void enable_ring(std::uint64_t base, std::uint64_t size) {
    size_ = static_cast<std::uint32_t>(size);
    tail_ = 0;
    set_reg(MOCK_ACCEL_REG_RING_BASE, base, 8);
    set_reg(MOCK_ACCEL_REG_RING_SIZE, size);
    set_reg(MOCK_ACCEL_REG_ENGINE_CONTROL, MOCK_ACCEL_ENGINE_ENABLE);
  }
  void disable() { set_reg(MOCK_ACCEL_REG_ENGINE_CONTROL, 0); }
  void function_level_reset() {
    set_config(kEngineExpress + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR);
  }

  /// Where things are in the machine's memory.
  [[nodiscard]] std::uint64_t slot(std::uint32_t index) const {
    return area_ + (index % size_) * kDescriptorSize;
  }
  [[nodiscard]] std::uint64_t record(std::uint32_t index) const {
    return area_ + kRecords + (index % size_) * kCompletionSize;
  }
  [[nodiscard]] std::uint64_t source() const { return area_ + kSource; }
  [[nodiscard]] std::uint64_t destination() const { return area_ + kDestination; }

  /// Puts a descriptor into the ring, with its index as tag, and does not ring.
  std::uint32_t prepare(const Request& request) {
    put(record(tail_), Bytes(kCompletionSize));
    put(slot(tail_),
        bytes_of({.operation = request.operation,
                  .flags = request.flags,
                  .reserved0 = request.reserved0,
                  .tag = tail_,
                  .source = request.source,
                  .destination = request.destination,
                  .length = request.length,
                  .operand = request.operand,
                  .completion = request.completion == 0 ? record(tail_) : request.completion,
                  .reserved1 = {0, request.reserved1}}));
    return tail_++;
  }
  void ring() { set_reg(MOCK_ACCEL_REG_RING_TAIL, tail_); }
  std::uint32_t submit(const Request& request) {
    const std::uint32_t index = prepare(request);
    ring();
    return index;
  }

  [[nodiscard]] mock_accel_completion completion(std::uint32_t index) {
    mock_accel_completion completion{};
    const Bytes bytes = get(record(index), sizeof(completion));
    std::memcpy(&completion, bytes.data(), sizeof(completion));
    return completion;
  }
  [[nodiscard]] bool wait_for_head(std::uint64_t head) const {
    return eventually([&] { return reg(MOCK_ACCEL_REG_RING_HEAD) == head; });
  }
  [[nodiscard]] bool wait_until_all_done() const { return wait_for_head(tail_); }
  [[nodiscard]] bool wait_until_idle() const {
    return eventually(
        [&] { return (reg(MOCK_ACCEL_REG_ENGINE_STATUS) & MOCK_ACCEL_ENGINE_BUSY) == 0; });
  }
  [[nodiscard]] std::uint64_t halt_reason() const {
    const std::uint64_t status = reg(MOCK_ACCEL_REG_ENGINE_STATUS);
    EXPECT_EQ((status & MOCK_ACCEL_ENGINE_HALTED) != 0, status >> 8U != 0);
    return status >> MOCK_ACCEL_ENGINE_REASON_SHIFT;
  }

  mock_accel_completion run(const Request& request) {
    const std::uint32_t index = submit(request);
    EXPECT_TRUE(wait_until_all_done());
    const mock_accel_completion done = completion(index);
    EXPECT_EQ(done.tag, index);
    return done;
  }
  std::uint32_t status_of(const Request& request) { return run(request).status; }

  void put(std::uint64_t address, const Bytes& bytes) {
    EXPECT_TRUE(memory_.write(address, bytes));
  }
  [[nodiscard]] Bytes get(std::uint64_t address, std::size_t count) {
    Bytes bytes(count);
    EXPECT_TRUE(memory_.read(address, bytes));
    return bytes;
  }
  void put_device(std::uint64_t offset, const Bytes& bytes) {
    put(source(), bytes);
    EXPECT_EQ(status_of({.operation = MOCK_ACCEL_OP_COPY,
                         .flags = kToDevice,
                         .source = source(),
                         .destination = offset,
                         .length = bytes.size()}),
              MOCK_ACCEL_DONE_OK);
  }
  [[nodiscard]] Bytes get_device(std::uint64_t offset, std::size_t count) {
    EXPECT_EQ(status_of({.operation = MOCK_ACCEL_OP_COPY,
                         .flags = kFromDevice,
                         .source = offset,
                         .destination = destination(),
                         .length = count}),
              MOCK_ACCEL_DONE_OK);
    return get(destination(), count);
  }

 private:
  static Bytes bytes_of(const mock_accel_descriptor& descriptor) {
    Bytes bytes(sizeof(descriptor));
    std::memcpy(bytes.data(), &descriptor, sizeof(descriptor));
    return bytes;
  }

  pci::Function& function_;
  FlatMemory& memory_;
  std::uint64_t area_;
  std::uint32_t size_ = 0;
  std::uint32_t tail_ = 0;
};

/// A machine with one accelerator that has VFs, and the PF's engine enabled.
class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    device_->set_interrupt_sink(&sink_);
    device_->set_machine_memory(&memory_);
    driver_.enable();
  }

  pci::Function& vf(std::size_t number) {
    if (device_->virtual_functions().empty()) {
      driver_.set_config(kEngineSriov + PCI_SRIOV_NUM_VF, 2);
      driver_.set_config(kEngineSriov + PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
    }
    return *device_->virtual_functions()[number];
  }
  /// The driver of a VF, in the memory behind the PF's.
  Driver driver_of_vf(std::size_t number) {
    return {vf(number), memory_, FlatMemory::kAddress + (number + 1) * kArea};
  }

  FlatMemory memory_{3 * kArea};
  pci::RecordingSink sink_;
  std::unique_ptr<Accelerator> device_ =
      *Accelerator::make({.uuid = *parse_uuid("00112233-4455-6677-8899-aabbccddeeff"),
                          .memory = 1_GiB,
                          .capabilities = MOCK_ACCEL_CAP_COMPUTE,
                          .vfs = 4,
                          .vf_memory = 16_MiB});
  Driver driver_{*device_, memory_};
};

// --- Operations ----------------------------------------------------------------------------------

TEST_F(EngineTest, NopDoesNothingAndSaysSo) {
  const auto done = driver_.run({.operation = MOCK_ACCEL_OP_NOP, .length = 100});
  EXPECT_EQ(done.status, MOCK_ACCEL_DONE_OK);
  EXPECT_EQ(done.bytes, 0U);
  EXPECT_EQ(done.result, 0U);
  EXPECT_EQ(done.reserved, 0U);
}

/// `count` bytes of kPattern, over and over, between bytes that must stay.
Bytes filled(std::size_t count) {
  Bytes bytes(count + 2);
  for (std::size_t i = 0; i < count; ++i) {
    bytes[i + 1] = static_cast<std::byte>(kPattern >> (8 * (i % 8)));
  }
  return bytes;
}

TEST_F(EngineTest, FillRepeatsItsOperand) {
  for (const std::uint64_t length : kLengths) {
    driver_.put(driver_.destination(), Bytes(length + 2));
    const auto done = driver_.run({.operation = MOCK_ACCEL_OP_FILL,
                                   .destination = driver_.destination() + 1,
                                   .length = length,
                                   .operand = kPattern});
    EXPECT_EQ(done.status, MOCK_ACCEL_DONE_OK);
    EXPECT_EQ(done.bytes, length);
    EXPECT_EQ(driver_.get(driver_.destination(), length + 2), filled(length)) << length;
  }
}

TEST_F(EngineTest, FillReachesTheDevicesMemory) {
  std::uint64_t offset = 0;
  for (const std::uint64_t length : kLengths) {
    offset += 2 * kMiB;
    const auto done = driver_.run({.operation = MOCK_ACCEL_OP_FILL,
                                   .flags = kToDevice,
                                   .destination = offset + 1,
                                   .length = length,
                                   .operand = kPattern});
    EXPECT_EQ(done.bytes, length);
    EXPECT_EQ(driver_.get_device(offset, length + 2), filled(length)) << length;
  }
}

TEST_F(EngineTest, CopyGoesInEveryDirection) {
  for (const std::uint64_t length : kLengths) {
    const Bytes data = noise(length, 1);
    driver_.put_device(3, data);                               // machine to device
    EXPECT_EQ(driver_.get_device(3, length), data) << length;  // and back
    EXPECT_EQ(driver_
                  .run({.operation = MOCK_ACCEL_OP_COPY,
                        .flags = kFromDevice | kToDevice,
                        .source = 3,
                        .destination = 64 * kMiB,
                        .length = length})
                  .bytes,
              length);
    EXPECT_EQ(driver_.get_device(64 * kMiB, length), data) << length;
    driver_.put(driver_.destination(), Bytes(length));
    EXPECT_EQ(driver_
                  .run({.operation = MOCK_ACCEL_OP_COPY,
                        .source = driver_.source(),
                        .destination = driver_.destination(),
                        .length = length})
                  .bytes,
              length);
    EXPECT_EQ(driver_.get(driver_.destination(), length), data) << length;
  }
}

TEST_F(EngineTest, ChecksumsAreThoseOfEitherMemory) {
  for (const std::uint64_t length : kLengths) {
    const Bytes data = noise(length, 2);
    driver_.put_device(0, data);
    for (const std::uint8_t flags : {std::uint8_t{0}, kFromDevice}) {
      const auto done = driver_.run({.operation = MOCK_ACCEL_OP_CRC32C,
                                     .flags = flags,
                                     .source = flags == 0 ? driver_.source() : 0,
                                     .length = length});
      EXPECT_EQ(done.bytes, length);
      EXPECT_EQ(done.result, crc32c(0, data)) << length;
    }
  }
}

TEST_F(EngineTest, AChecksumGoesOnFromItsOperand) {
  const Bytes data = noise(100, 3);
  driver_.put(driver_.source(), data);
  const auto first =
      driver_.run({.operation = MOCK_ACCEL_OP_CRC32C, .source = driver_.source(), .length = 33});
  const auto second = driver_.run({.operation = MOCK_ACCEL_OP_CRC32C,
                                   .source = driver_.source() + 33,
                                   .length = 67,
                                   .operand = first.result});
  EXPECT_EQ(second.result, crc32c(0, data));
}

TEST_F(EngineTest, MemoryThatWasNeverWrittenReadsAsZeros) {
  driver_.put(driver_.destination(), noise(100, 4));
  EXPECT_EQ(driver_.get_device(900 * kMiB, 100), Bytes(100));
}

// --- Errors of descriptors -----------------------------------------------------------------------

TEST_F(EngineTest, MistakesInADescriptorHaveTheirCodes) {
  const std::uint64_t all = (1_GiB).value();
  EXPECT_EQ(driver_.status_of({.operation = 4}), MOCK_ACCEL_DONE_BAD_OPERATION);
  EXPECT_EQ(driver_.status_of({.operation = 0xff}), MOCK_ACCEL_DONE_BAD_OPERATION);
  EXPECT_EQ(driver_.status_of({.flags = 0x08}), MOCK_ACCEL_DONE_BAD_FLAGS);
  EXPECT_EQ(driver_.status_of({.reserved0 = 0x100}), MOCK_ACCEL_DONE_BAD_FLAGS);
  EXPECT_EQ(driver_.status_of({.reserved1 = 1}), MOCK_ACCEL_DONE_BAD_FLAGS);
  EXPECT_EQ(driver_.status_of({.length = MOCK_ACCEL_MAX_LENGTH + 1}), MOCK_ACCEL_DONE_BAD_LENGTH);
  EXPECT_EQ(driver_.status_of({.length = ~0ULL}), MOCK_ACCEL_DONE_BAD_LENGTH);

  struct Range {
    std::uint64_t offset;
    std::uint64_t length;
    std::uint32_t status;
  };
  for (const auto& [offset, length, status] :
       std::initializer_list<Range>{{all - 8, 8, MOCK_ACCEL_DONE_OK},
                                    {all, 0, MOCK_ACCEL_DONE_OK},
                                    {all - 8, 9, MOCK_ACCEL_DONE_BAD_RANGE},
                                    {all, 1, MOCK_ACCEL_DONE_BAD_RANGE},
                                    {all + 1, 0, MOCK_ACCEL_DONE_BAD_RANGE},
                                    {~0ULL, 1, MOCK_ACCEL_DONE_BAD_RANGE},
                                    {~0ULL - 7, 16, MOCK_ACCEL_DONE_BAD_RANGE}}) {
    EXPECT_EQ(driver_.status_of({.operation = MOCK_ACCEL_OP_FILL,
                                 .flags = kToDevice,
                                 .destination = offset,
                                 .length = length}),
              status)
        << length << " at " << offset;
    EXPECT_EQ(driver_.status_of({.operation = MOCK_ACCEL_OP_CRC32C,
                                 .flags = kFromDevice,
                                 .source = offset,
                                 .length = length}),
              status)
        << length << " at " << offset;
  }
  EXPECT_EQ(driver_.halt_reason(), 0U);
}

TEST_F(EngineTest, MemoryThatTheMachineDoesNotHaveIsADmaFault) {
  const std::uint64_t end = FlatMemory::kAddress + 3 * kArea;
  for (const auto& [address, length] :
       std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
           {0, 1}, {end, 1}, {end - 8, 9}, {~0ULL, 1}, {~0ULL, 2}, {~0ULL - kMiB, 4 * kMiB}}) {
    EXPECT_EQ(
        driver_.status_of({.operation = MOCK_ACCEL_OP_CRC32C, .source = address, .length = length}),
        MOCK_ACCEL_DONE_DMA_FAULT);
    EXPECT_EQ(driver_.status_of(
                  {.operation = MOCK_ACCEL_OP_FILL, .destination = address, .length = length}),
              MOCK_ACCEL_DONE_DMA_FAULT);
  }
  EXPECT_EQ(driver_.halt_reason(), 0U);
}

TEST_F(EngineTest, AnErrorTellsHowFarTheWorkCame) {
  const auto done = driver_.run({.operation = MOCK_ACCEL_OP_CRC32C,
                                 .source = FlatMemory::kAddress + 3 * kArea - kMiB,
                                 .length = kMiB + 1});
  EXPECT_EQ(done.status, MOCK_ACCEL_DONE_DMA_FAULT);
  EXPECT_EQ(done.bytes, kMiB);
  EXPECT_EQ(done.result, 0U);
}

TEST_F(EngineTest, AHostWithoutMemoryIsAnErrorOfTheDescriptor) {
  ASSERT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
  const Request first_write{
      .operation = MOCK_ACCEL_OP_FILL, .flags = kToDevice, .destination = 0, .length = 1};
  {
    const FewAddresses limit;
    EXPECT_EQ(driver_.status_of(first_write), MOCK_ACCEL_DONE_NO_MEMORY);
    EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
  }
  EXPECT_EQ(driver_.status_of(first_write), MOCK_ACCEL_DONE_OK);
}

TEST_F(EngineTest, AFailedDeviceDoesNoWork) {
  ASSERT_TRUE(device_->inject("failed", {}));
  EXPECT_EQ(driver_.status_of({.operation = 77}), MOCK_ACCEL_DONE_FAILED);
  driver_.put(driver_.destination(), Bytes(8));
  EXPECT_EQ(driver_.status_of({.operation = MOCK_ACCEL_OP_FILL,
                               .destination = driver_.destination(),
                               .length = 8,
                               .operand = kPattern}),
            MOCK_ACCEL_DONE_FAILED);
  EXPECT_EQ(driver_.get(driver_.destination(), 8), Bytes(8));
  ASSERT_TRUE(device_->heal({}));
  EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
}

TEST_F(EngineTest, ARecordThatCantBeWrittenDoesNotStopTheEngine) {
  driver_.submit({.completion = 0x20});
  driver_.submit({.completion = ~std::uint64_t{0x1f}});
  EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
}

TEST_F(EngineTest, ADescriptorWithAMisalignedRecordIsNotCarriedOut) {
  driver_.put(driver_.destination(), Bytes(64));
  driver_.submit({.operation = MOCK_ACCEL_OP_FILL,
                  .flags = kInterrupt,
                  .destination = driver_.destination(),
                  .length = 8,
                  .operand = kPattern,
                  .completion = driver_.destination() + 16});
  ASSERT_TRUE(driver_.wait_until_all_done());
  EXPECT_EQ(driver_.get(driver_.destination(), 64), Bytes(64));
  EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_ENGINE));
}

// --- The ring ------------------------------------------------------------------------------------

TEST_F(EngineTest, ADeviceThatWasResetHasItsEngineOff) {
  device_->reset();
  for (std::uint64_t offset = MOCK_ACCEL_REG_ENGINE_CONTROL; offset <= MOCK_ACCEL_REG_RING_TAIL;
       offset += 4) {
    EXPECT_EQ(driver_.reg(offset), 0U) << offset;
  }
}

TEST_F(EngineTest, DescriptorsAreDoneInOrderAroundTheRing) {
  driver_.disable();
  driver_.enable(4);
  std::uint32_t done = 0;
  for (std::uint32_t batch = 1; batch <= 4; ++batch) {
    for (std::uint32_t i = 0; i < batch; ++i) {
      driver_.prepare({.operation = MOCK_ACCEL_OP_FILL,
                       .destination = driver_.destination(),
                       .length = 8,
                       .operand = done + i});
    }
    driver_.ring();
    ASSERT_TRUE(driver_.wait_until_all_done());
    for (std::uint32_t i = 0; i < batch; ++i, ++done) {
      EXPECT_EQ(driver_.completion(done).status, MOCK_ACCEL_DONE_OK);
      EXPECT_EQ(driver_.completion(done).tag, done);
    }
    EXPECT_EQ(pci::load_little_endian(driver_.get(driver_.destination(), 8)), done - 1);
  }
}

TEST_F(EngineTest, EachDescriptorIsReadOnce) {
  driver_.put_device(0, Bytes(10));
  EXPECT_EQ(memory_.reads_at(driver_.slot(0)), 1);
}

TEST_F(EngineTest, AHeadThatMovedMeansThatTheRecordIsThere) {
  driver_.prepare({.flags = kInterrupt});
  memory_.hold(driver_.record(0));
  driver_.ring();
  ASSERT_TRUE(eventually([&] { return memory_.holds_one(); }));
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
  EXPECT_THAT(sink_.vectors, IsEmpty());
  memory_.let_go();
  EXPECT_TRUE(driver_.wait_for_head(1));
}

TEST_F(EngineTest, ADoorbellThatIsWrittenByteByByteRingsOnce) {
  driver_.disable();
  driver_.enable(256);
  for (int i = 0; i < 0xff; ++i) driver_.prepare({});
  driver_.ring();
  ASSERT_TRUE(driver_.wait_for_head(0xff));
  driver_.prepare({});
  for (std::uint64_t byte = 0; byte < 4; ++byte) {
    driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL + byte, byte == 1 ? 1 : 0, 1);
  }
  EXPECT_TRUE(driver_.wait_for_head(0x100));
  EXPECT_EQ(driver_.halt_reason(), 0U);
}

TEST_F(EngineTest, DoorbellsOfAnEngineThatIsOffAreLost) {
  driver_.disable();
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 1);
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_ENGINE_STATUS), 0U);
  driver_.enable();
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_TAIL), 0U);
  EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
}

TEST_F(EngineTest, ARingIsTakenOverWhenTheEngineIsEnabled) {
  driver_.set_reg(MOCK_ACCEL_REG_RING_BASE, 1, 8);
  driver_.set_reg(MOCK_ACCEL_REG_RING_SIZE, 3);
  driver_.set_reg(MOCK_ACCEL_REG_ENGINE_CONTROL, MOCK_ACCEL_ENGINE_ENABLE);  // it was already
  EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_SIZE), 3U);
}

TEST_F(EngineTest, AStormOfDoorbellsLosesNothing) {
  constexpr int kCount = 3'000;
  for (int i = 0; i < kCount; ++i) {
    const std::uint32_t index = driver_.submit({});
    driver_.ring();
    if (index % 32 == 31) {
      ASSERT_TRUE(driver_.wait_until_all_done());
    }
  }
  ASSERT_TRUE(driver_.wait_until_all_done());
  EXPECT_EQ(driver_.halt_reason(), 0U);
}

// --- Halts ---------------------------------------------------------------------------------------

TEST_F(EngineTest, HaltsOnARingThatCantBe) {
  for (const auto& [base, size] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
           {FlatMemory::kAddress + 32, 4},
           {FlatMemory::kAddress, 3},
           {FlatMemory::kAddress, 0},
           {FlatMemory::kAddress, 8192},
           {~std::uint64_t{63}, 2}}) {
    sink_.vectors.clear();
    driver_.disable();
    driver_.enable_ring(base, size);
    EXPECT_EQ(driver_.halt_reason(), MOCK_ACCEL_HALT_BAD_RING) << base << " " << size;
    driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 1);
    EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
    EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_ENGINE));
  }
}

TEST_F(EngineTest, HaltsOnATailThatCantBe) {
  for (const std::uint32_t tail : {4U + 65U, 3U, ~0U}) {
    sink_.vectors.clear();
    driver_.disable();
    driver_.enable();
    for (int i = 0; i < 4; ++i) driver_.prepare({});
    driver_.ring();
    ASSERT_TRUE(driver_.wait_until_all_done());
    driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, tail);
    EXPECT_EQ(driver_.halt_reason(), MOCK_ACCEL_HALT_OVERRUN) << tail;
    EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 4U);
    EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_ENGINE));
  }
}

TEST_F(EngineTest, HaltsOnATailThatTakesBackWhatIsAtWork) {
  memory_.hold(driver_.source());
  driver_.submit({.operation = MOCK_ACCEL_OP_CRC32C, .source = driver_.source(), .length = 1});
  ASSERT_TRUE(eventually([&] { return memory_.holds_one(); }));
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 0);
  memory_.let_go();
  EXPECT_TRUE(eventually([&] { return driver_.halt_reason() == MOCK_ACCEL_HALT_OVERRUN; }));
}

TEST_F(EngineTest, HaltsOnADescriptorThatCantBeRead) {
  driver_.disable();
  driver_.enable_ring(0x1000, 4);
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 1);
  ASSERT_TRUE(eventually([&] { return driver_.halt_reason() == MOCK_ACCEL_HALT_FETCH; }));
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
  EXPECT_TRUE(driver_.wait_until_idle());
  EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_ENGINE));
}

TEST_F(EngineTest, HaltsWithoutBusMasterEnable) {
  driver_.set_config(PCI_COMMAND, PCI_COMMAND_MEMORY);
  driver_.submit({});
  ASSERT_TRUE(eventually([&] { return driver_.halt_reason() == MOCK_ACCEL_HALT_FETCH; }));
  EXPECT_THAT(sink_.vectors, IsEmpty()) << "interrupts are memory writes, too";
}

TEST_F(EngineTest, LosingBusMasterEnableInMidWorkIsADmaFault) {
  memory_.hold(driver_.source());
  driver_.submit({.operation = MOCK_ACCEL_OP_CRC32C, .source = driver_.source(), .length = kMiB});
  ASSERT_TRUE(eventually([&] { return memory_.holds_one(); }));
  driver_.set_config(PCI_COMMAND, 0);
  memory_.let_go();
  ASSERT_TRUE(driver_.wait_until_all_done());
  EXPECT_EQ(driver_.completion(0).status, 0U) << "the record could not be written either";
}

TEST_F(EngineTest, AHaltIsOverWhenTheEngineWasDisabled) {
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 100);
  ASSERT_EQ(driver_.halt_reason(), MOCK_ACCEL_HALT_OVERRUN);
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 1);
  EXPECT_EQ(driver_.halt_reason(), MOCK_ACCEL_HALT_OVERRUN);
  driver_.disable();
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_ENGINE_STATUS), 0U);
  driver_.enable();
  EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
}

// --- Stopping in mid-work ------------------------------------------------------------------------

/// A copy that has come to a stop in the machine's memory, in its second piece.
class StuckEngineTest : public EngineTest {
 protected:
  StuckEngineTest() {
    driver_.put(driver_.source(), noise(kMiB, 5));
    memory_.hold(driver_.source() + Engine::kPieceSize);
    driver_.submit({.operation = MOCK_ACCEL_OP_COPY,
                    .flags = kToDevice | kInterrupt,
                    .source = driver_.source(),
                    .destination = 0,
                    .length = kMiB});
    stuck_ = eventually([&] { return memory_.holds_one(); });
  }
  void SetUp() override { ASSERT_TRUE(stuck_); }

  bool stuck_ = false;
};

TEST_F(StuckEngineTest, RegistersAnswer) {
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_ENGINE_STATUS), std::uint64_t{MOCK_ACCEL_ENGINE_BUSY});
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
  memory_.let_go();
  EXPECT_TRUE(driver_.wait_until_all_done());
  EXPECT_EQ(driver_.completion(0).bytes, kMiB);
}

TEST_F(StuckEngineTest, DisablingGivesTheWorkUp) {
  driver_.disable();
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_ENGINE_STATUS), std::uint64_t{MOCK_ACCEL_ENGINE_BUSY});
  memory_.let_go();
  EXPECT_TRUE(driver_.wait_until_idle());
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
  EXPECT_EQ(driver_.completion(0).status, 0U);
  EXPECT_THAT(sink_.vectors, IsEmpty());
  driver_.enable();
  EXPECT_EQ(driver_.get_device(2 * Engine::kPieceSize, 1), Bytes(1)) << "the third piece";
}

TEST_F(StuckEngineTest, EnablingAtOnceStartsAnew) {
  driver_.disable();
  driver_.enable_ring(driver_.slot(4), 4);
  memory_.let_go();
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 4);  // four NOPs
  EXPECT_TRUE(driver_.wait_for_head(4));
  EXPECT_TRUE(driver_.wait_until_idle());
  EXPECT_THAT(sink_.vectors, IsEmpty());
}

TEST_F(StuckEngineTest, ResetsDoNotWaitForIt) {
  driver_.function_level_reset();
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_ENGINE_CONTROL), 0U);
  device_->reset();
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_ENGINE_STATUS), std::uint64_t{MOCK_ACCEL_ENGINE_BUSY});
  memory_.let_go();
  EXPECT_TRUE(driver_.wait_until_idle());
  EXPECT_EQ(driver_.completion(0).status, 0U);
  driver_.enable();
  EXPECT_EQ(driver_.get_device(0, Engine::kPieceSize), Bytes(Engine::kPieceSize));
}

TEST_F(StuckEngineTest, AHaltGivesTheWorkUp) {
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 1000);
  memory_.let_go();
  EXPECT_TRUE(driver_.wait_until_idle());
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
  EXPECT_EQ(driver_.completion(0).status, 0U);
}

TEST_F(StuckEngineTest, AnOwnersDataDoesNotReachTheNext) {
  driver_.set_reg(MOCK_ACCEL_REG_OWNER, 1);
  memory_.let_go();
  ASSERT_TRUE(driver_.wait_until_all_done());
  EXPECT_EQ(driver_.completion(0).status, MOCK_ACCEL_DONE_OK);
  EXPECT_EQ(driver_.get_device(0, kMiB), Bytes(kMiB));
}

TEST_F(StuckEngineTest, AFailureEndsTheWork) {
  ASSERT_TRUE(device_->inject("failed", {}));
  memory_.let_go();
  ASSERT_TRUE(driver_.wait_until_all_done());
  EXPECT_EQ(driver_.completion(0).status, MOCK_ACCEL_DONE_FAILED);
  EXPECT_EQ(driver_.completion(0).bytes, 2 * Engine::kPieceSize);
}

TEST_F(StuckEngineTest, MemoryThatIsTakenAwayIsNotInUseAnyMore) {
  std::atomic<bool> taken = false;
  std::jthread machine([&] {
    device_->set_machine_memory(nullptr);
    taken = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(taken);
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U) << "registers answer meanwhile";
  memory_.leave();
  machine.join();
  EXPECT_FALSE(memory_.holds_one());
  EXPECT_TRUE(driver_.wait_until_idle());
}

TEST_F(StuckEngineTest, ADeviceCanGoOnceItsMachineHasLeft) {
  memory_.leave();
  device_->set_interrupt_sink(nullptr);
  device_->set_machine_memory(nullptr);
  device_->reset();
  device_.reset();
  EXPECT_FALSE(memory_.holds_one());
}

// --- Interrupts ----------------------------------------------------------------------------------

TEST_F(EngineTest, InterruptsComeForThoseWhoAsk) {
  driver_.run({});
  EXPECT_THAT(sink_.vectors, IsEmpty());
  driver_.run({.flags = kInterrupt});
  driver_.run({.operation = 99, .flags = kInterrupt});
  EXPECT_THAT(sink_.vectors, ElementsAre(1, 1));
}

// --- Faults --------------------------------------------------------------------------------------

TEST_F(EngineTest, AHungEngineFinishesNothingUntilItIsHealed) {
  ASSERT_TRUE(device_->inject("hung", {}));
  driver_.submit({.flags = kInterrupt});
  driver_.submit({});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
  EXPECT_EQ(driver_.completion(0).status, 0U);
  EXPECT_EQ(driver_.reg(MOCK_ACCEL_REG_ENGINE_STATUS), std::uint64_t{MOCK_ACCEL_ENGINE_BUSY});
  ASSERT_TRUE(device_->heal("hung"));
  EXPECT_TRUE(driver_.wait_until_all_done());
  EXPECT_THAT(sink_.vectors, ElementsAre(MOCK_ACCEL_VECTOR_ENGINE));
}

TEST_F(EngineTest, AHungEngineCanBeStopped) {
  ASSERT_TRUE(device_->inject("hung", {}));
  driver_.submit({});
  driver_.disable();
  EXPECT_TRUE(driver_.wait_until_idle());
  EXPECT_EQ(driver_.completion(0).status, 0U);
}

TEST_F(EngineTest, ASlowEngineTakesItsTime) {
  ASSERT_TRUE(device_->inject("slow", 30));
  const auto start = std::chrono::steady_clock::now();
  driver_.submit({});
  driver_.submit({});
  ASSERT_TRUE(driver_.wait_until_all_done());
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(60));
}

TEST_F(EngineTest, ASlowEngineIsStoppedAndHealedAtOnce) {
  ASSERT_TRUE(device_->inject("slow", 60'000));
  driver_.submit({});
  driver_.disable();
  EXPECT_TRUE(driver_.wait_until_idle());
  driver_.enable();
  driver_.submit({});
  ASSERT_TRUE(device_->heal("slow"));
  EXPECT_TRUE(driver_.wait_until_all_done());
}

TEST_F(EngineTest, BitflipSpoilsOneBitOfEachCopy) {
  Bytes data = noise(Engine::kPieceSize * 2, 6);
  driver_.put_device(0, data);
  ASSERT_TRUE(device_->inject("bitflip", {}));
  Bytes spoilt = data;
  spoilt[0] ^= std::byte{1};
  EXPECT_EQ(driver_.get_device(0, data.size()), spoilt);
  EXPECT_EQ(driver_.get_device(0, 0), Bytes{});
  ASSERT_TRUE(device_->heal("bitflip"));
  EXPECT_EQ(driver_.get_device(0, data.size()), data);
}

TEST_F(EngineTest, LostInterruptsDoNotComeLater) {
  ASSERT_TRUE(device_->inject("lost-interrupt", {}));
  driver_.run({.flags = kInterrupt});
  driver_.set_reg(MOCK_ACCEL_REG_RING_TAIL, 1000);  // halts
  ASSERT_TRUE(device_->heal("lost-interrupt"));
  EXPECT_THAT(sink_.vectors, IsEmpty());
}

// --- Several engines -----------------------------------------------------------------------------

TEST_F(EngineTest, VfsHaveMemoryOfTheirOwn) {
  Driver first = driver_of_vf(0);
  Driver second = driver_of_vf(1);
  first.enable();
  second.enable();
  const Bytes data = noise(1000, 7);
  first.put_device(0, data);
  EXPECT_EQ(first.get_device(0, 1000), data);
  EXPECT_EQ(second.get_device(0, 1000), Bytes(1000));
  EXPECT_EQ(driver_.get_device(0, 1000), Bytes(1000));
}

TEST_F(EngineTest, AVfHasItsShareAndNoMore) {
  Driver first = driver_of_vf(0);
  first.enable();
  first.put_device(16 * kMiB - 8, noise(8, 8));
  EXPECT_EQ(first.status_of({.operation = MOCK_ACCEL_OP_FILL,
                             .flags = kToDevice,
                             .destination = 16 * kMiB - 8,
                             .length = 9}),
            MOCK_ACCEL_DONE_BAD_RANGE);
}

TEST_F(EngineTest, AVfThatIsStuckHoldsUpNobody) {
  Driver first = driver_of_vf(0);
  Driver second = driver_of_vf(1);
  first.enable();
  second.enable();
  memory_.hold(first.source());
  first.submit({.operation = MOCK_ACCEL_OP_CRC32C, .source = first.source(), .length = 8});
  ASSERT_TRUE(eventually([&] { return memory_.holds_one(); }));
  EXPECT_EQ(second.status_of({}), MOCK_ACCEL_DONE_OK);
  EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK);
  driver_.set_config(kEngineSriov + PCI_SRIOV_CTRL, 0);  // the VFs go
  memory_.let_go();
  EXPECT_TRUE(first.wait_until_idle());
}

TEST_F(EngineTest, TheMachinesMemoryGoesForVfsToo) {
  Driver first = driver_of_vf(0);
  first.enable();
  device_->set_machine_memory(nullptr);
  first.submit({});
  EXPECT_TRUE(eventually([&] { return first.halt_reason() == MOCK_ACCEL_HALT_FETCH; }));
  device_->set_machine_memory(&memory_);
  first.disable();
  first.enable();
  EXPECT_EQ(first.status_of({}), MOCK_ACCEL_DONE_OK);
}

TEST_F(EngineTest, TheFaultsOfAPfAreThoseOfItsVfs) {
  Driver first = driver_of_vf(0);
  first.enable();
  ASSERT_TRUE(device_->inject("hung", {}));
  first.submit({});
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(first.reg(MOCK_ACCEL_REG_RING_HEAD), 0U);
  ASSERT_TRUE(device_->heal({}));
  EXPECT_TRUE(first.wait_until_all_done());
}

TEST_F(EngineTest, TwoEnginesWorkAtOnce) {
  Driver first = driver_of_vf(0);
  first.enable();
  const auto work = [](Driver& driver, unsigned seed) {
    std::mt19937 random(seed);
    for (unsigned round = 0; round < 40; ++round) {
      const Bytes data = noise(1 + random() % (Engine::kPieceSize * 2), seed + round);
      const std::uint64_t offset = random() % (8 * kMiB);
      driver.put_device(offset, data);
      ASSERT_EQ(driver.get_device(offset, data.size()), data);
    }
  };
  std::jthread other([&] { work(first, 100); });
  work(driver_, 200);
}

std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST_F(EngineTest, OnlyEnginesThatWorkCostThreads) {
  // Counted from here: a sanitizer brings a thread of its own along with the first.
  driver_.run({});
  const std::ptrdiff_t with_one = threads();
  Driver first = driver_of_vf(0);
  first.enable();
  EXPECT_EQ(threads(), with_one) << "one that is enabled and idle has none";
  EXPECT_TRUE(eventually([&] { return threads() == with_one - 1; })) << "a second later";
  EXPECT_EQ(driver_.status_of({}), MOCK_ACCEL_DONE_OK) << "after its thread has gone";
}

}  // namespace
}  // namespace mockdev::accel
