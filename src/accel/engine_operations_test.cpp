// SPDX-License-Identifier: Apache-2.0
// What descriptors ask of the engine, and what becomes of those that ask for what can't be.
#include <gmock/gmock.h>

#include "accel/crc32c.h"
#include "accel/engine_testing.h"
#include "accel/testing.h"

namespace mockdev::accel {
namespace {

using testing::ElementsAre;

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

}  // namespace
}  // namespace mockdev::accel
