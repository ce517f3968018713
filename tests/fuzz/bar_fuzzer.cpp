// SPDX-License-Identifier: Apache-2.0
// Accesses of any shape to an accelerator's BAR (accesses.h), with configuration writes, faults and
// resets between them. A second accelerator gets every access byte by byte and must not differ.
#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "accel/accelerator.h"
#include "accesses.h"
#include "mock_accel.h"
#include "pci/little_endian.h"

namespace mockdev::fuzz {
namespace {

constexpr accel::Settings kSettings{
    .uuid = Uuid(Uuid::Bytes{std::byte{1}}), .memory = 1_GiB, .capabilities = 5, .vfs = 4};

class Counter final : public pci::InterruptSink {
 public:
  void interrupt(std::uint16_t vector, const pci::Message& /*message*/) override {
    ++counts_.at(vector);
  }
  [[nodiscard]] bool shows_msix_table() const override { return true; }
  bool operator==(const Counter& other) const { return counts_ == other.counts_; }

 private:
  std::array<unsigned, MOCK_ACCEL_VECTORS> counts_{};
};

class Subject {
 public:
  Subject() {
    wide_->set_interrupt_sink(&wide_interrupts_);
    bytewise_->set_interrupt_sink(&bytewise_interrupts_);
  }

  void run(const Access& access) {
    switch (access.verb) {
      case Verb::read:
        check_read(access);
        break;
      case Verb::write:
        write(access.offset % MOCK_ACCEL_BAR_SIZE, access.data);
        break;
      case Verb::write_config:
        wide_->config_write(access.offset % pci::kConfigSize, access.data);
        bytewise_->config_write(access.offset % pci::kConfigSize, access.data);
        break;
      case Verb::other:
        for (accel::Accelerator* device : {wide_.get(), bytewise_.get()}) {
          operate(*device, access.offset, access.size);
        }
        break;
    }
    check_allocation();
  }

  void check_whole() const {
    Bar now = all(*wide_);
    Bar expected = all(*bytewise_);
    check_passphrase(now);
    clear_passphrase(now);
    clear_passphrase(expected);
    require(now == expected);
    require(wide_interrupts_ == bytewise_interrupts_);
  }

 private:
  void write(std::uint64_t offset, std::span<const std::byte> data) {
    data = data.first(std::min<std::size_t>(data.size(), end_of_write(offset) - offset));
    wide_->bar_write(MOCK_ACCEL_BAR, offset, data);
    for (std::size_t i = 0; i < data.size(); ++i) {
      bytewise_->bar_write(MOCK_ACCEL_BAR, offset + i, data.subspan(i, 1));
    }
  }

  /// Nobody rings the doorbell, which is done by the last byte of RING_TAIL: how far an engine has
  /// come at some moment is for chance to decide (engine_fuzzer.cpp).
  static std::uint64_t end_of_write(std::uint64_t offset) {
    constexpr std::uint64_t kDoorbell = MOCK_ACCEL_REG_RING_TAIL + 3;
    if (offset == kDoorbell) return offset;
    return offset < kDoorbell ? kDoorbell : MOCK_ACCEL_BAR_SIZE;
  }

  /// What the person who runs the machine does.
  static void operate(accel::Accelerator& device, std::uint16_t what, std::size_t value) {
    const auto faults = accel::fault_kinds();
    const auto& fault = faults[(what >> 2U) % faults.size()];
    switch (what & 3U) {
      case 0:
        device.reset();
        break;
      case 1:
        (void)device.inject(fault.name, std::nullopt);
        break;
      case 2:
        (void)device.inject(fault.name, static_cast<double>(value) * 4 - 8);
        break;
      case 3:
        (void)device.heal(fault.name);
        break;
    }
  }

  void check_read(const Access& access) const {
    const std::uint64_t offset = access.offset % MOCK_ACCEL_BAR_SIZE;
    std::vector<std::byte> part(std::min<std::size_t>(access.size, MOCK_ACCEL_BAR_SIZE - offset));
    wide_->bar_read(MOCK_ACCEL_BAR, offset, part);
    for (std::size_t i = 0; i < part.size(); ++i) {
      std::array<std::byte, 1> one{};
      wide_->bar_read(MOCK_ACCEL_BAR, offset + i, one);
      require(one[0] == part[i]);
    }
  }

  void check_allocation() const {
    std::array<std::byte, 4> status{};
    Uuid::Bytes owner;
    wide_->bar_read(MOCK_ACCEL_BAR, MOCK_ACCEL_REG_STATUS, status);
    wide_->bar_read(MOCK_ACCEL_BAR, MOCK_ACCEL_REG_OWNER, owner);
    const std::uint64_t allocated = pci::load_little_endian(status);
    require(allocated == MOCK_ACCEL_STATUS_ALLOCATED ||
            (allocated == MOCK_ACCEL_STATUS_FREE && Uuid(owner).is_nil()));
  }

  using Bar = std::array<std::byte, MOCK_ACCEL_BAR_SIZE>;
  static Bar all(accel::Accelerator& device) {
    Bar bytes;
    device.bar_read(MOCK_ACCEL_BAR, 0, bytes);
    return bytes;
  }

  static void check_passphrase(const Bar& bar) {
    const auto status = bar[MOCK_ACCEL_REG_PASSPHRASE_STATUS];
    const std::string_view text(reinterpret_cast<const char*>(&bar[MOCK_ACCEL_REG_PASSPHRASE_TEXT]),
                                MOCK_ACCEL_PASSPHRASE_SIZE);
    const std::size_t end = text.find('\0');
    require(end != std::string_view::npos);
    require(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == end);
    require(text.find_first_not_of('\0', end) == std::string_view::npos);
    require((end > 0) || status != std::byte{MOCK_ACCEL_PASSPHRASE_STATUS_READY});
  }

  /// It is the only part that chance decides.
  static void clear_passphrase(Bar& bar) {
    std::ranges::fill(
        std::span(bar).subspan(MOCK_ACCEL_REG_PASSPHRASE_TEXT, MOCK_ACCEL_PASSPHRASE_SIZE),
        std::byte{0});
  }

  // The sinks outlive the devices that use them.
  Counter wide_interrupts_;
  Counter bytewise_interrupts_;
  std::unique_ptr<accel::Accelerator> wide_ = *accel::Accelerator::make(kSettings);
  std::unique_ptr<accel::Accelerator> bytewise_ = *accel::Accelerator::make(kSettings);
};

}  // namespace
}  // namespace mockdev::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mockdev::fuzz;
  Input input(std::as_bytes(std::span(data, size)));
  Subject subject;
  for (int i = 0; i < kMaxAccesses && !input.empty(); ++i) subject.run(next_access(input));
  subject.check_whole();
  return 0;
}
