// SPDX-License-Identifier: Apache-2.0
#include "accel/operations.h"

#include <algorithm>

#include "accel/crc32c.h"
#include "pci/little_endian.h"

namespace mockdev::accel {
namespace {

/// `count` bytes of a place, from byte `start` of it on.
Place part_of(const Place& place, std::uint64_t start) {
  return {.in_device = place.in_device, .address = place.address + start};
}

/// How far an operation came.
struct Progress {
  std::uint64_t bytes = 0;
  std::uint64_t result = 0;
  Step end;
};

/// Calls `piece(done, buffer)` for one piece after the other of `length` bytes, of which `done` are
/// behind it, until one does not succeed.
template <typename Piece>
Progress in_pieces(std::uint64_t length, Workplace& workplace, std::span<std::byte> buffer,
                   Piece piece) {
  Progress progress;
  while (progress.bytes < length) {
    progress.end = workplace.may_go_on();
    if (!progress.end) break;
    const std::size_t count = std::min<std::uint64_t>(buffer.size(), length - progress.bytes);
    progress.end = piece(progress.bytes, buffer.first(count));
    if (!progress.end) break;
    progress.bytes += count;
  }
  return progress;
}

Progress fill(const Descriptor& descriptor, Workplace& workplace, std::span<std::byte> buffer) {
  constexpr std::size_t kOperand = sizeof(descriptor.operand);
  const std::size_t used = std::min<std::uint64_t>(descriptor.length, buffer.size());
  for (std::size_t i = 0; i < used; i += kOperand) {
    pci::store_little_endian(descriptor.operand, buffer.subspan(i, kOperand));
  }
  return in_pieces(descriptor.length, workplace, buffer,
                   [&](std::uint64_t done, std::span<const std::byte> piece) {
                     return workplace.write(part_of(descriptor.destination, done), piece);
                   });
}

Progress copy(const Descriptor& descriptor, Workplace& workplace, std::span<std::byte> buffer) {
  return in_pieces(descriptor.length, workplace, buffer,
                   [&](std::uint64_t done, std::span<std::byte> piece) {
                     if (auto read = workplace.read(part_of(descriptor.source, done), piece); !read)
                       return read;
                     if (done == 0 && workplace.flips_bits()) piece.front() ^= std::byte{1};
                     return workplace.write(part_of(descriptor.destination, done), piece);
                   });
}

Progress checksum(const Descriptor& descriptor, Workplace& workplace, std::span<std::byte> buffer) {
  auto crc = static_cast<std::uint32_t>(descriptor.operand);
  Progress progress = in_pieces(
      descriptor.length, workplace, buffer, [&](std::uint64_t done, std::span<std::byte> piece) {
        auto read = workplace.read(part_of(descriptor.source, done), piece);
        if (read) crc = crc32c(crc, piece);
        return read;
      });
  if (progress.end) progress.result = crc;
  return progress;
}

Progress operate(const Descriptor& descriptor, Workplace& workplace, std::span<std::byte> buffer) {
  switch (descriptor.operation) {
    case MOCK_ACCEL_OP_FILL:
      return fill(descriptor, workplace, buffer);
    case MOCK_ACCEL_OP_COPY:
      return copy(descriptor, workplace, buffer);
    case MOCK_ACCEL_OP_CRC32C:
      return checksum(descriptor, workplace, buffer);
    default:  // NOP: mistake_in() knows no other
      return {};
  }
}

}  // namespace

std::optional<Completion> carry_out(const Descriptor& descriptor, Workplace& workplace,
                                    std::span<std::byte> buffer) {
  Progress progress{.bytes = 0, .result = 0, .end = workplace.may_go_on()};
  if (progress.end) {
    if (const auto mistake = mistake_in(descriptor, workplace.device_memory())) {
      return Completion{.status = *mistake};
    }
    progress = operate(descriptor, workplace, buffer);
  }
  if (progress.end) {
    return Completion{
        .status = MOCK_ACCEL_DONE_OK, .bytes = progress.bytes, .result = progress.result};
  }
  if (progress.end.error() == Stop::given_up) return {};
  return Completion{.status = static_cast<std::uint32_t>(progress.end.error()),
                    .bytes = progress.bytes};
}

}  // namespace mockdev::accel
