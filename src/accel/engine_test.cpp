// SPDX-License-Identifier: Apache-2.0
// The engine as a whole: its ring, halts, stops in mid-work, faults and interrupts.
#include "accel/engine.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

#include "accel/engine_testing.h"

namespace mockdev::accel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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
