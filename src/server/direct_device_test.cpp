// SPDX-License-Identifier: Apache-2.0
#include "server/direct_device.h"

#include <cstring>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/vfio.h>

namespace mockdev::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

/// Config space and a 64-bit BAR 2 of plain memory.
class PlainFunction final : public pci::Function {
 public:
  PlainFunction() { bars_[2] = {.size = 4_KiB, .is_64bit = true}; }

  void config_read(std::size_t offset, std::span<std::byte> into) override {
    std::memcpy(into.data(), config.data() + offset, into.size());
  }
  void config_write(std::size_t offset, std::span<const std::byte> data) override {
    std::memcpy(config.data() + offset, data.data(), data.size());
  }
  [[nodiscard]] const pci::Bars& bars() const override { return bars_; }
  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) override {
    ASSERT_EQ(bar, 2U);
    std::memcpy(into.data(), memory.data() + offset, into.size());
  }
  void bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) override {
    ASSERT_EQ(bar, 2U);
    std::memcpy(memory.data() + offset, data.data(), data.size());
  }
  std::optional<pci::MemoryTarget> claim(std::uint64_t /*address*/) override { return {}; }
  [[nodiscard]] std::uint16_t msix_vectors() const override { return 3; }
  void reset() override { ++resets; }
  void set_interrupt_sink(pci::InterruptSink* new_sink) override { sink = new_sink; }
  void set_machine_memory(pci::MachineMemory* new_memory) override { machine_memory = new_memory; }

  std::vector<std::byte> config = std::vector<std::byte>(pci::kConfigSize);
  std::vector<std::byte> memory = std::vector<std::byte>(4096);
  pci::InterruptSink* sink = nullptr;
  pci::MachineMemory* machine_memory = nullptr;
  int resets = 0;

 private:
  pci::Bars bars_{};
};

class RecordingClient final : public vfio_user::Client {
 public:
  void trigger(std::uint32_t index, std::uint32_t vector) override {
    triggered.emplace_back(index, vector);
  }
  Result<void> dma_read(vfio_user::GuestAddress from, std::span<std::byte> into) override {
    if (from != kMemory || into.size() > memory.size()) return fail("not mapped");
    std::memcpy(into.data(), memory.data(), into.size());
    return {};
  }
  Result<void> dma_write(vfio_user::GuestAddress to, std::span<const std::byte> data) override {
    if (to != kMemory || data.size() > memory.size()) return fail("not mapped");
    std::memcpy(memory.data(), data.data(), data.size());
    return {};
  }
  Result<void> dma_copy(vfio_user::GuestAddress from, vfio_user::GuestAddress to,
                        std::span<std::byte> buffer) override {
    copied.emplace_back(from, to, buffer.size());
    return {};
  }

  static constexpr vfio_user::GuestAddress kMemory{0x1'0000'0000};
  std::vector<std::byte> memory = std::vector<std::byte>(2);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> triggered;
  std::vector<std::tuple<vfio_user::GuestAddress, vfio_user::GuestAddress, std::size_t>> copied;
};

TEST(DirectDevice, ShowsBarsAndConfigSpaceAsRegions) {
  PlainFunction function;
  const DirectDevice device(function);
  ASSERT_EQ(device.regions().size(), 9U);
  EXPECT_EQ(device.regions()[2].size, 4_KiB);
  EXPECT_TRUE(device.regions()[2].readable && device.regions()[2].writable);
  EXPECT_EQ(device.regions()[VFIO_PCI_CONFIG_REGION_INDEX].size, 4_KiB);
  for (const unsigned none : {0U, 1U, 3U, 4U, 5U, 6U, 8U}) {
    EXPECT_EQ(device.regions()[none].size, 0_B);
    EXPECT_FALSE(device.regions()[none].readable || device.regions()[none].writable);
  }
}

TEST(DirectDevice, HasMsixAndTheErrorInterruptThatQemuAsksFor) {
  PlainFunction function;
  const DirectDevice device(function);
  std::vector<std::uint32_t> counts;
  for (const vfio_user::IrqIndex& irq : device.irqs()) counts.push_back(irq.count);
  EXPECT_THAT(counts, ElementsAre(0, 0, 3, 1, 1));
}

TEST(DirectDevice, PassesAccessesOn) {
  PlainFunction function;
  DirectDevice device(function);
  device.write(2, 0xffe, bytes({1, 2}));
  device.write(VFIO_PCI_CONFIG_REGION_INDEX, 0x10, bytes({3}));
  EXPECT_EQ(function.memory[0xfff], std::byte{2});
  EXPECT_EQ(function.config[0x10], std::byte{3});
  std::vector<std::byte> read(2);
  device.read(2, 0xffe, read);
  EXPECT_EQ(read, bytes({1, 2}));
  device.read(VFIO_PCI_CONFIG_REGION_INDEX, 0xf, read);
  EXPECT_EQ(read, bytes({0, 3}));
  device.reset();
  EXPECT_EQ(function.resets, 1);
}

TEST(DirectDevice, SendsInterruptsToTheClientThatIsConnected) {
  PlainFunction function;
  DirectDevice device(function);
  RecordingClient client;
  EXPECT_EQ(function.sink, nullptr);
  device.connected(client);
  ASSERT_NE(function.sink, nullptr);
  function.sink->interrupt(1, {});
  EXPECT_THAT(client.triggered, ElementsAre(std::pair(2U, 1U)));
}

TEST(DirectDevice, ReachesTheMemoryOfTheClientThatIsConnected) {
  PlainFunction function;
  DirectDevice device(function);
  RecordingClient client;
  EXPECT_EQ(function.machine_memory, nullptr);
  device.connected(client);
  ASSERT_NE(function.machine_memory, nullptr);
  EXPECT_TRUE(function.machine_memory->write(0x1'0000'0000, bytes({1, 2})));
  std::vector<std::byte> read(2);
  EXPECT_TRUE(function.machine_memory->read(0x1'0000'0000, read));
  EXPECT_EQ(read, bytes({1, 2}));
  EXPECT_FALSE(function.machine_memory->read(0x2'0000'0000, read));
  EXPECT_TRUE(function.machine_memory->copy(0x1000, 0x3000, read));
  EXPECT_THAT(client.copied, ElementsAre(std::tuple(vfio_user::GuestAddress{0x1000},
                                                    vfio_user::GuestAddress{0x3000}, 2U)));
  device.disconnected();
  EXPECT_EQ(function.machine_memory, nullptr);
}

TEST(DirectDevice, ResetsTheFunctionWhenItsClientLeaves) {
  PlainFunction function;
  DirectDevice device(function);
  RecordingClient client;
  device.connected(client);
  device.disconnected();
  EXPECT_EQ(function.sink, nullptr);
  EXPECT_EQ(function.resets, 1);
  EXPECT_THAT(client.triggered, IsEmpty());
}

}  // namespace
}  // namespace mockdev::server
