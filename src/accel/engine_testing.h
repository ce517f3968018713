// SPDX-License-Identifier: Apache-2.0
// Helpers for tests only: a machine with an accelerator whose engine is enabled, and a driver for
// it.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "accel/accelerator.h"
#include "accel/engine.h"
#include "base/testing.h"
#include "pci/testing.h"

namespace mockdev::accel {

using pci::FlatMemory;

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
inline Bytes noise(std::size_t count, unsigned seed) {
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

}  // namespace mockdev::accel
