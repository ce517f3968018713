// SPDX-License-Identifier: Apache-2.0
#include "fabric/interrupts.h"

#include <algorithm>

namespace mockdev::fabric {
namespace {

constexpr unsigned kBitsOfWord = 64;
constexpr unsigned kBitsOfByte = 8;
static_assert(MOCK_FABRIC_WORDS * kBitsOfWord == MOCK_FABRIC_INTERRUPTS);

}  // namespace

void Interrupts::interrupt(std::uint16_t /*vector*/, const pci::Message& message) {
  if (message.address != MOCK_FABRIC_MSI_ADDRESS || message.data >= MOCK_FABRIC_INTERRUPTS) return;
  const std::size_t word = message.data / kBitsOfWord;
  const std::uint64_t bit = std::uint64_t{1} << (message.data % kBitsOfWord);
  const std::scoped_lock lock(mutex_);
  if ((pending_.at(word) & bit) != 0) return;
  pending_.at(word) |= bit;
  raise_vector_of(word);
}

void Interrupts::take(std::size_t offset, std::span<std::byte> into) {
  const std::scoped_lock lock(mutex_);
  for (std::byte& byte : into) {
    std::uint64_t& word = pending_.at(offset / sizeof(std::uint64_t));
    const unsigned shift = kBitsOfByte * (offset % sizeof(std::uint64_t));
    byte = static_cast<std::byte>((word >> shift) & 0xffU);
    word &= ~(std::uint64_t{0xff} << shift);
    ++offset;
  }
}

std::uint32_t Interrupts::vectors() const {
  const std::scoped_lock lock(mutex_);
  return vectors_;
}

void Interrupts::set_vectors(std::uint32_t vectors) {
  const std::scoped_lock lock(mutex_);
  vectors_ = std::min<std::uint32_t>(vectors, MOCK_FABRIC_VECTORS);
  for (std::size_t word = 0; word < pending_.size(); ++word) {
    if (pending_.at(word) != 0) raise_vector_of(word);
  }
}

void Interrupts::set_control(pci::MsixControl control) {
  const std::scoped_lock lock(mutex_);
  msix_.set_control(control);
}

void Interrupts::set_bridge_sink(pci::InterruptSink* sink) {
  const std::scoped_lock lock(mutex_);
  msix_.set_sink(sink);
}

void Interrupts::reset() {
  const std::scoped_lock lock(mutex_);
  pending_.fill(0);
  vectors_ = 0;
  msix_.reset();
}

void Interrupts::raise_vector_of(std::size_t word) {
  if (vectors_ != 0) msix_.raise(static_cast<std::uint16_t>(word % vectors_));
}

}  // namespace mockdev::fabric
