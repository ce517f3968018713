// SPDX-License-Identifier: Apache-2.0
// Helpers for tests only: software's view of config spaces and BARs, as numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
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

  std::array<std::byte, kConfigSize> config{};
  std::array<std::byte, kConfigSize> memory{};
  std::vector<Function*> vfs;
  InterruptSink* sink = nullptr;
  int resets = 0;

 private:
  static constexpr std::uint64_t kPage = 4096;
  Bars bars_ = {Bar{.size = ByteCount{kPage}, .is_64bit = true, .prefetchable = true}};
};

}  // namespace mockdev::pci
