// SPDX-License-Identifier: Apache-2.0
// What the engine's operations do to memory. Knows nothing of rings, registers and threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "accel/descriptor.h"
#include "base/units.h"

namespace mockdev::accel {

/// Why an operation ends before all is done.
enum class Stop : std::uint32_t {
  given_up = 0,  ///< the engine was stopped: nobody is to hear of it
  dma_fault = MOCK_ACCEL_DONE_DMA_FAULT,
  no_memory = MOCK_ACCEL_DONE_NO_MEMORY,
  failed = MOCK_ACCEL_DONE_FAILED,
};

using Step = std::expected<void, Stop>;

/// What operations reach. Ranges neither leave the device's memory nor go beyond the machine's last
/// address, but may lie where the machine has no memory.
class Workplace {
 public:
  virtual ~Workplace() = default;

  [[nodiscard]] virtual ByteCount device_memory() const = 0;
  /// Whether the work is still wanted and the device able to do it; asked before each piece.
  [[nodiscard]] virtual Step may_go_on() = 0;
  [[nodiscard]] virtual Step read(const Place& from, std::span<std::byte> into) = 0;
  [[nodiscard]] virtual Step write(const Place& to, std::span<const std::byte> data) = 0;
  /// Copies as many bytes as `buffer` has from one of the machine's addresses to another, through
  /// the buffer where it can't be done at once.
  [[nodiscard]] virtual Step copy_in_machine(std::uint64_t from, std::uint64_t to,
                                             std::span<std::byte> buffer) = 0;
  /// Device memory itself, where it need not be copied twice: what of the `count` bytes from
  /// `offset` on lies in one piece, at least 1 byte. It stays.
  [[nodiscard]] virtual std::expected<std::span<const std::byte>, Stop> look(std::uint64_t offset,
                                                                             std::size_t count) = 0;
  [[nodiscard]] virtual std::expected<std::span<std::byte>, Stop> open(std::uint64_t offset,
                                                                       std::size_t count) = 0;
  /// Whether COPY makes a mistake: the fault `bitflip`.
  [[nodiscard]] virtual bool flips_bits() const = 0;
};

/// Does what `descriptor` asks for, in pieces of the buffer's size, which is a multiple of 8. None:
/// it was given up.
[[nodiscard]] std::optional<Completion> carry_out(const Descriptor& descriptor,
                                                  Workplace& workplace,
                                                  std::span<std::byte> buffer);

}  // namespace mockdev::accel
