// SPDX-License-Identifier: Apache-2.0
#include "accel/device_memory.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace mockdev::accel {
namespace {

/// Bytes of a piece. The kernel gives memory by the page, and not before it is written to: large
/// pieces cost addresses only, and few of them hold much.
constexpr std::uint64_t kPiece = std::uint64_t{64} << 20U;

/// What was never written looks like this. Nobody writes to it, so it costs no memory either; as a
/// constant it would be a part of the program's file.
// NOLINTNEXTLINE(*-avoid-non-const-global-variables)
constinit std::array<std::byte, std::size_t{256} << 10U> zeros{};

}  // namespace

bool DeviceMemory::is_blank() const {
  const std::scoped_lock lock(mutex_);
  return pieces_.empty();
}

// memmove(), as copies within the memory may overlap: and std::ranges::copy() of this library goes
// byte by byte.
Result<void> DeviceMemory::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (auto checked = check_range(offset, into.size()); !checked) return checked;
  while (!into.empty()) {
    const auto bytes = look(offset, into.size());
    if (!bytes) return std::unexpected(bytes.error());
    std::memmove(into.data(), bytes->data(), bytes->size());
    offset += bytes->size();
    into = into.subspan(bytes->size());
  }
  return {};
}

Result<void> DeviceMemory::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (auto checked = check_range(offset, data.size()); !checked) return checked;
  while (!data.empty()) {
    const auto bytes = open(offset, data.size());
    if (!bytes) return std::unexpected(bytes.error());
    std::memmove(bytes->data(), data.data(), bytes->size());
    offset += bytes->size();
    data = data.subspan(bytes->size());
  }
  return {};
}

Result<std::span<const std::byte>> DeviceMemory::look(std::uint64_t offset,
                                                      std::size_t count) const {
  if (auto checked = check_range(offset, count); !checked) {
    return std::unexpected(checked.error());
  }
  const std::size_t inside = offset % kPiece;
  count = std::min<std::size_t>(count, kPiece - inside);
  const std::scoped_lock lock(mutex_);
  const auto found = pieces_.find(offset / kPiece);
  if (retired_ || found == pieces_.end()) {
    return std::span<const std::byte>(zeros).first(std::min(count, zeros.size()));
  }
  return found->second.bytes().subspan(inside, count);
}

Result<std::span<std::byte>> DeviceMemory::open(std::uint64_t offset, std::size_t count) {
  if (auto checked = check_range(offset, count); !checked) {
    return std::unexpected(checked.error());
  }
  if (count == 0) return std::span<std::byte>();
  const std::size_t inside = offset % kPiece;
  const auto whole = piece(offset / kPiece);
  if (!whole) return std::unexpected(whole.error());
  return whole->subspan(inside, std::min<std::size_t>(count, kPiece - inside));
}

Result<void> DeviceMemory::check_range(std::uint64_t offset, std::size_t count) const {
  if (offset <= size_.value() && count <= size_.value() - offset) return {};
  return fail("device memory: {} bytes at {:#x} are not all within its {}", count, offset, size_);
}

Result<std::span<std::byte>> DeviceMemory::piece(std::uint64_t number) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = pieces_.find(number); known != pieces_.end()) {
    return known->second.bytes();
  }
  auto made = Mapping::of_zeros(std::min(kPiece, size_.value() - number * kPiece));
  if (!made) return with_context("device memory", made.error());
  return pieces_.emplace(number, *std::move(made)).first->second.bytes();
}

}  // namespace mockdev::accel
