// SPDX-License-Identifier: Apache-2.0
// Descriptors and completion records of the engine, as bytes in the machine's memory and as values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/units.h"
#include "mock_accel.h"

namespace mockdev::accel {

inline constexpr std::size_t kDescriptorSize = sizeof(mock_accel_descriptor);
inline constexpr std::size_t kCompletionSize = sizeof(mock_accel_completion);

/// Where data comes from or goes to.
struct Place {
  bool in_device;         ///< an offset in the device's memory; else an address of the machine's
  std::uint64_t address;  ///< any value: it is software's

  bool operator==(const Place&) const = default;
};

/// struct mock_accel_descriptor. Nothing in it is checked yet.
struct Descriptor {
  std::uint8_t operation;  ///< MOCK_ACCEL_OP_*, or any other value
  std::uint8_t flags;
  bool reserved_is_zero;
  std::uint32_t tag;
  Place source;
  Place destination;
  std::uint64_t length;  ///< bytes
  std::uint64_t operand;
  std::uint64_t completion;  ///< address in the machine's memory; 0: none
};

/// struct mock_accel_completion.
struct Completion {
  std::uint32_t status;  ///< MOCK_ACCEL_DONE_*
  std::uint64_t bytes = 0;
  std::uint64_t result = 0;
};

[[nodiscard]] Descriptor parse_descriptor(std::span<const std::byte, kDescriptorSize> bytes);

/// What is wrong with a descriptor before any memory is touched: MOCK_ACCEL_DONE_BAD_*, or
/// MOCK_ACCEL_DONE_DMA_FAULT for a range that reaches beyond the last address. None: nothing.
[[nodiscard]] std::optional<std::uint32_t> mistake_in(const Descriptor& descriptor,
                                                      ByteCount device_memory);

/// Where the completion record goes. None: there is to be none, or the address is no multiple of
/// 32; the latter is a mistake that nothing can be told of.
[[nodiscard]] std::optional<std::uint64_t> record_address(const Descriptor& descriptor);

/// The record's bytes.
[[nodiscard]] std::array<std::byte, kCompletionSize> completion_record(
    std::uint32_t tag, const Completion& completion);

}  // namespace mockdev::accel
