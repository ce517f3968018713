// SPDX-License-Identifier: Apache-2.0
// Helpers for tests only: software's view of config spaces and BARs, as numbers.
#pragma once

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

  void msix(std::uint16_t vector) override { vectors.push_back(vector); }
  [[nodiscard]] bool shows_msix_table() const override { return shows_table_; }

  std::vector<std::uint16_t> vectors;

 private:
  bool shows_table_;
};

}  // namespace mockdev::pci
