// SPDX-License-Identifier: Apache-2.0
// Helpers for tests only: software's view of config spaces and BARs, as numbers.
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "pci/function.h"
#include "pci/little_endian.h"

namespace mockdev::pci {

/// Reads a number of `size` bytes with `read(offset, into)`.
template <typename Read>
std::uint64_t read_number(Read&& read, std::uint64_t offset, std::size_t size) {
  std::array<std::byte, 8> bytes{};
  std::forward<Read>(read)(offset, std::span(bytes).first(size));
  return load_little_endian(bytes);
}

/// Writes a number of `size` bytes with `write(offset, data)`.
template <typename Write>
void write_number(Write&& write, std::uint64_t offset, std::size_t size, std::uint64_t value) {
  std::array<std::byte, 8> bytes{};
  store_little_endian(value, bytes);
  std::forward<Write>(write)(offset, std::span<const std::byte>(bytes).first(size));
}

/// Remembers which vectors came, in order.
class RecordingSink final : public InterruptSink {
 public:
  explicit RecordingSink(bool shows_table = false) : shows_table_(shows_table) {}

  void interrupt(std::uint16_t vector, const Message& message) override {
    vectors.push_back(vector);
    messages.push_back(message);
  }
  [[nodiscard]] bool shows_msix_table() const override { return shows_table_; }

  std::vector<std::uint16_t> vectors;
  std::vector<Message> messages;  ///< of each

 private:
  bool shows_table_;
};

/// A machine's memory, in one piece. Requests that touch an address can be made to wait.
class FlatMemory final : public MachineMemory {
 public:
  static constexpr std::uint64_t kAddress = 0x1'0000'0000;  ///< of its first byte

  explicit FlatMemory(std::size_t size) : bytes_(size) {}

  Result<void> read(std::uint64_t address, std::span<std::byte> into) override {
    return access(address, into.size(), [&](std::span<std::byte> bytes) {
      std::ranges::copy(bytes, into.begin());
      reads_.push_back(address);
    });
  }
  Result<void> write(std::uint64_t address, std::span<const std::byte> data) override {
    return access(address, data.size(),
                  [&](std::span<std::byte> bytes) { std::ranges::copy(data, bytes.begin()); });
  }

  /// From now on, requests that touch `address` wait for let_go() or leave().
  void hold(std::uint64_t address) {
    const std::scoped_lock lock(mutex_);
    held_ = address;
  }
  void let_go() {
    const std::scoped_lock lock(mutex_);
    held_.reset();
    changed_.notify_all();
  }
  /// The machine goes: all requests fail, those that wait, too.
  void leave() {
    const std::scoped_lock lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool holds_one() const {
    const std::scoped_lock lock(mutex_);
    return waiting_ > 0;
  }
  /// How many reads there were that started at `address`.
  [[nodiscard]] std::ptrdiff_t reads_at(std::uint64_t address) const {
    const std::scoped_lock lock(mutex_);
    return std::ranges::count(reads_, address);
  }

 private:
  template <typename Copy>
  Result<void> access(std::uint64_t address, std::size_t size, Copy copy) {
    std::unique_lock lock(mutex_);
    const auto is_held = [&] { return held_ && *held_ >= address && *held_ - address < size; };
    ++waiting_;
    changed_.wait(lock, [&] { return gone_ || !is_held(); });
    --waiting_;
    const std::uint64_t offset = address - kAddress;
    if (gone_ || address < kAddress || offset > bytes_.size() || size > bytes_.size() - offset) {
      return fail("no memory at {:#x}", address);
    }
    copy(std::span(bytes_).subspan(offset, size));
    return {};
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::byte> bytes_;
  std::vector<std::uint64_t> reads_;  ///< where they started
  std::optional<std::uint64_t> held_;
  unsigned waiting_ = 0;
  bool gone_ = false;
};

/// A card with one BAR of a page at a fixed address, which remembers what it is asked.
class FakeCard final : public Function {
 public:
  static constexpr std::uint64_t kAddress = 0x80'0010'0000;

  void config_read(std::size_t offset, std::span<std::byte> into) override {
    std::ranges::copy(std::span(config).subspan(offset, into.size()), into.begin());
  }
  void config_write(std::size_t offset, std::span<const std::byte> data) override {
    std::ranges::copy(data, std::span(config).subspan(offset).begin());
  }
  [[nodiscard]] const Bars& bars() const override { return bars_; }
  void bar_read(unsigned /*bar*/, std::uint64_t offset, std::span<std::byte> into) override {
    std::ranges::copy(std::span(memory).subspan(offset, into.size()), into.begin());
  }
  void bar_write(unsigned /*bar*/, std::uint64_t offset, std::span<const std::byte> data) override {
    std::ranges::copy(data, std::span(memory).subspan(offset).begin());
  }
  std::optional<MemoryTarget> claim(std::uint64_t address) override {
    if (address / kPage != kAddress / kPage) return {};
    return MemoryTarget{.function = this, .bar = 0, .offset = address % kPage};
  }
  std::span<Function* const> virtual_functions() override { return vfs; }
  [[nodiscard]] std::uint16_t msix_vectors() const override { return 0; }
  void reset() override { ++resets; }
  void set_interrupt_sink(InterruptSink* new_sink) override { sink = new_sink; }
  void set_machine_memory(MachineMemory* new_memory) override { machine_memory = new_memory; }

  std::array<std::byte, kConfigSize> config{};
  std::array<std::byte, kConfigSize> memory{};
  std::vector<Function*> vfs;
  InterruptSink* sink = nullptr;
  MachineMemory* machine_memory = nullptr;
  int resets = 0;

 private:
  static constexpr std::uint64_t kPage = 4096;
  Bars bars_ = {Bar{.size = ByteCount{kPage}, .is_64bit = true, .prefetchable = true}};
};

}  // namespace mockdev::pci
