// SPDX-License-Identifier: Apache-2.0
// Interrupts of a segment's functions, collected into those of its bridge: abi/mock_accel_fabric.h
// says how.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "mock_accel_fabric.h"
#include "pci/function.h"
#include "pci/msix.h"

namespace mockdev::fabric {

/// Functions send their messages here. All members may be called from any thread.
class Interrupts final : public pci::InterruptSink {
 public:
  /// Bytes of the pending words, in the order of a BAR's bytes.
  static constexpr std::size_t kPendingSize = MOCK_FABRIC_WORDS * sizeof(std::uint64_t);

  /// Marks the message's number as pending and raises the vector of its word. Messages to another
  /// address, or with a number that there is not, are lost.
  void interrupt(std::uint16_t vector, const pci::Message& message) override;
  /// Functions on a segment are masked by their own tables, which software sees.
  [[nodiscard]] bool shows_msix_table() const override { return true; }

  /// Reads pending bits from byte `offset` on and clears what was read.
  void take(std::size_t offset, std::span<std::byte> into);

  /// VECTORS. More than the bridge has count as all of them.
  [[nodiscard]] std::uint32_t vectors() const;
  void set_vectors(std::uint32_t vectors);

  /// Of the bridge itself.
  void set_control(pci::MsixControl control);
  void set_bridge_sink(pci::InterruptSink* sink);

  /// Nothing is pending, no vector is in use.
  void reset();

 private:
  void raise_vector_of(std::size_t word);

  mutable std::mutex mutex_;
  std::array<std::uint64_t, MOCK_FABRIC_WORDS> pending_{};
  std::uint32_t vectors_ = 0;
  pci::Msix msix_{MOCK_FABRIC_VECTORS};
};

}  // namespace mockdev::fabric
