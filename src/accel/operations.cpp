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

/// Bytes of a piece that was worked through.
using Moved = std::expected<std::size_t, Stop>;

/// Calls `piece(done, buffer)` for one piece after the other of `length` bytes, of which `done` are
/// behind it, until one does not succeed. A piece may end before the buffer that it is given.
template <typename Piece>
Progress in_pieces(std::uint64_t length, Workplace& workplace, std::span<std::byte> buffer,
                   Piece piece) {
  Progress progress;
  while (progress.bytes < length) {
    progress.end = workplace.may_go_on();
    if (!progress.end) break;
    const std::size_t most = std::min<std::uint64_t>(buffer.size(), length - progress.bytes);
    const Moved moved = piece(progress.bytes, buffer.first(most));
    if (!moved) {
      progress.end = std::unexpected(moved.error());
      break;
    }
    progress.bytes += *moved;
  }
  return progress;
}

Moved all_of(Step step, std::span<const std::byte> bytes) {
  if (!step) return std::unexpected(step.error());
  return bytes.size();
}

Progress fill(const Descriptor& descriptor, Workplace& workplace, std::span<std::byte> buffer) {
  constexpr std::size_t kOperand = sizeof(descriptor.operand);
  const std::size_t used = std::min<std::uint64_t>(descriptor.length, buffer.size());
  for (std::size_t i = 0; i < used; i += kOperand) {
    pci::store_little_endian(descriptor.operand, buffer.subspan(i, kOperand));
  }
  return in_pieces(descriptor.length, workplace, buffer,
                   [&](std::uint64_t done, std::span<const std::byte> piece) {
                     return all_of(workplace.write(part_of(descriptor.destination, done), piece),
                                   piece);
                   });
}

/// The bytes of a place: the device's as they lie there, the machine's in `buffer`.
std::expected<std::span<const std::byte>, Stop> view(const Place& from, Workplace& workplace,
                                                     std::span<std::byte> buffer) {
  if (from.in_device) return workplace.look(from.address, buffer.size());
  if (auto read = workplace.read(from, buffer); !read) return std::unexpected(read.error());
  return buffer;
}

void flip_bit(std::span<std::byte> bytes) {
  bytes.front() ^= std::byte{1};
}

/// Into the device's memory: at once to where it belongs.
Moved copy_in(const Place& from, const Place& to, bool flips, Workplace& workplace,
              std::size_t most) {
  const auto target = workplace.open(to.address, most);
  if (!target) return std::unexpected(target.error());
  auto read = workplace.read(from, *target);
  if (read && flips) flip_bit(*target);
  return all_of(read, *target);
}

/// Into the machine's memory.
Moved copy_out(const Place& from, const Place& to, bool flips, Workplace& workplace,
               std::span<std::byte> buffer) {
  if (!from.in_device && !flips) {
    return all_of(workplace.copy_in_machine(from.address, to.address, buffer), buffer);
  }
  auto data = view(from, workplace, buffer);
  if (!data) return std::unexpected(data.error());
  if (flips) {
    std::ranges::copy(*data, buffer.begin());
    flip_bit(buffer);
    data = buffer.first(data->size());
  }
  return all_of(workplace.write(to, *data), *data);
}

Progress copy(const Descriptor& descriptor, Workplace& workplace, std::span<std::byte> buffer) {
  return in_pieces(descriptor.length, workplace, buffer,
                   [&](std::uint64_t done, std::span<std::byte> piece) {
                     const Place from = part_of(descriptor.source, done);
                     const Place to = part_of(descriptor.destination, done);
                     const bool flips = done == 0 && workplace.flips_bits();
                     return to.in_device ? copy_in(from, to, flips, workplace, piece.size())
                                         : copy_out(from, to, flips, workplace, piece);
                   });
}

Progress checksum(const Descriptor& descriptor, Workplace& workplace, std::span<std::byte> buffer) {
  auto crc = static_cast<std::uint32_t>(descriptor.operand);
  Progress progress = in_pieces(
      descriptor.length, workplace, buffer, [&](std::uint64_t done, std::span<std::byte> piece) {
        const auto data = view(part_of(descriptor.source, done), workplace, piece);
        if (!data) return Moved(std::unexpected(data.error()));
        crc = crc32c(crc, *data);
        return Moved(data->size());
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
