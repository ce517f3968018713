// SPDX-License-Identifier: Apache-2.0
#include "accel/descriptor.h"

#include <algorithm>
#include <limits>

#include "pci/little_endian.h"

namespace mockdev::accel {
namespace {

constexpr std::uint8_t kKnownFlags = MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE |
                                     MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE |
                                     MOCK_ACCEL_DESCRIPTOR_INTERRUPT;

/// One row an operation: which of its addresses it uses.
struct Operation {
  std::uint8_t code;
  bool reads;   ///< at the source
  bool writes;  ///< to the destination
};

constexpr std::array<Operation, 4> kOperations = {{
    {.code = MOCK_ACCEL_OP_NOP, .reads = false, .writes = false},
    {.code = MOCK_ACCEL_OP_FILL, .reads = false, .writes = true},
    {.code = MOCK_ACCEL_OP_COPY, .reads = true, .writes = true},
    {.code = MOCK_ACCEL_OP_CRC32C, .reads = true, .writes = false},
}};

std::optional<std::uint32_t> mistake_in_range(const Place& place, std::uint64_t length,
                                              ByteCount device_memory) {
  if (place.in_device) {
    const std::uint64_t size = device_memory.value();
    if (place.address <= size && length <= size - place.address) return {};
    return MOCK_ACCEL_DONE_BAD_RANGE;
  }
  if (length == 0 || length - 1 <= std::numeric_limits<std::uint64_t>::max() - place.address) {
    return {};
  }
  return MOCK_ACCEL_DONE_DMA_FAULT;
}

bool record_is_aligned(const Descriptor& descriptor) {
  return descriptor.completion % kCompletionSize == 0;
}

/// The member of struct mock_accel_descriptor at `offset`.
template <typename Number>
Number member(std::span<const std::byte, kDescriptorSize> bytes, std::size_t offset) {
  return static_cast<Number>(pci::load_little_endian(bytes.subspan(offset, sizeof(Number))));
}

}  // namespace

Descriptor parse_descriptor(std::span<const std::byte, kDescriptorSize> bytes) {
  using Raw = mock_accel_descriptor;
  const auto flags = member<std::uint8_t>(bytes, offsetof(Raw, flags));
  const auto reserved1 = bytes.subspan(offsetof(Raw, reserved1));
  return {.operation = member<std::uint8_t>(bytes, offsetof(Raw, operation)),
          .flags = flags,
          .reserved_is_zero =
              member<std::uint16_t>(bytes, offsetof(Raw, reserved0)) == 0 &&
              std::ranges::all_of(reserved1, [](std::byte byte) { return byte == std::byte{0}; }),
          .tag = member<std::uint32_t>(bytes, offsetof(Raw, tag)),
          .source = {.in_device = (flags & MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE) != 0,
                     .address = member<std::uint64_t>(bytes, offsetof(Raw, source))},
          .destination = {.in_device = (flags & MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE) != 0,
                          .address = member<std::uint64_t>(bytes, offsetof(Raw, destination))},
          .length = member<std::uint64_t>(bytes, offsetof(Raw, length)),
          .operand = member<std::uint64_t>(bytes, offsetof(Raw, operand)),
          .completion = member<std::uint64_t>(bytes, offsetof(Raw, completion))};
}

std::optional<std::uint32_t> mistake_in(const Descriptor& descriptor, ByteCount device_memory) {
  const auto* const operation =
      std::ranges::find(kOperations, descriptor.operation, &Operation::code);
  if (operation == kOperations.end()) return MOCK_ACCEL_DONE_BAD_OPERATION;
  if ((descriptor.flags & ~kKnownFlags) != 0 || !descriptor.reserved_is_zero ||
      !record_is_aligned(descriptor)) {
    return MOCK_ACCEL_DONE_BAD_FLAGS;
  }
  if (descriptor.length > MOCK_ACCEL_MAX_LENGTH) return MOCK_ACCEL_DONE_BAD_LENGTH;
  std::optional<std::uint32_t> mistake;
  if (operation->reads) {
    mistake = mistake_in_range(descriptor.source, descriptor.length, device_memory);
  }
  if (operation->writes && !mistake) {
    mistake = mistake_in_range(descriptor.destination, descriptor.length, device_memory);
  }
  return mistake;
}

std::optional<std::uint64_t> record_address(const Descriptor& descriptor) {
  if (descriptor.completion == 0 || !record_is_aligned(descriptor)) return {};
  return descriptor.completion;
}

std::array<std::byte, kCompletionSize> completion_record(std::uint32_t tag,
                                                         const Completion& completion) {
  using Raw = mock_accel_completion;
  std::array<std::byte, kCompletionSize> bytes{};
  const auto put = [&](std::size_t offset, auto number) {
    pci::store_little_endian(number, std::span(bytes).subspan(offset, sizeof(number)));
  };
  put(offsetof(Raw, status), completion.status);
  put(offsetof(Raw, tag), tag);
  put(offsetof(Raw, bytes), completion.bytes);
  put(offsetof(Raw, result), completion.result);
  return bytes;
}

}  // namespace mockdev::accel
