// SPDX-License-Identifier: Apache-2.0
#include "workload/tasks.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "accel/crc32c.h"

namespace mockdev::workload {
namespace {

using Clock = std::chrono::steady_clock;

Place in(const Buffer& buffer, std::uint64_t offset = 0) {
  return {.address = buffer.address() + offset, .on_device = false};
}

Place on_device(std::uint64_t offset) {
  return {.address = offset, .on_device = true};
}

void fill_with_chance(std::span<std::byte> bytes) {
  std::mt19937_64 generator(std::random_device{}());
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(generator() & 0xffU); });
}

/// The engine's checksum of a place, which has to be `wanted`.
Result<void> check_crc(Device& device, Place place, std::uint64_t size, std::uint32_t wanted) {
  const auto crc = device.crc32c(place, size);
  if (!crc) return std::unexpected(crc.error());
  if (crc->crc == wanted) return {};
  return fail("{}: the engine's checksum is {:08x} where {:08x} is right", device.name(), crc->crc,
              wanted);
}

Result<void> check_copy(Device& device, Place from, Place to, std::uint64_t size) {
  const auto done = device.copy(from, to, size);
  if (!done) return std::unexpected(done.error());
  if (done->bytes == size) return {};
  return fail("{}: copied {} of {} bytes", device.name(), done->bytes, size);
}

/// The same bytes to the same place of the device, again and again.
Result<void> copy_at_once(Device& device, Place from, std::uint64_t size, unsigned count) {
  std::vector<Started> works;
  while (works.size() < count) {
    const auto work = device.start_copy(from, on_device(0), size);
    if (!work) return std::unexpected(work.error());
    works.push_back(*work);
  }
  for (const Started& work : works) {
    if (const auto done = device.wait(work); !done) return std::unexpected(done.error());
  }
  return {};
}

double bytes_a_second(std::uint64_t bytes, Clock::duration time) {
  return static_cast<double>(bytes) / std::chrono::duration<double>(time).count();
}

}  // namespace

Verifier::Verifier(Device device, ByteCount size, Buffer sent, Buffer received)
    : device_(std::move(device)),
      size_(size),
      sent_(std::move(sent)),
      received_(std::move(received)) {}

Result<Verifier> Verifier::make(Device device, ByteCount size) {
  auto sent = device.make_buffer(size);
  if (!sent) return std::unexpected(sent.error());
  auto received = device.make_buffer(size);
  if (!received) return std::unexpected(received.error());
  return Verifier(std::move(device), size, std::move(*sent), std::move(*received));
}

Result<std::uint32_t> Verifier::verify() {
  const std::uint64_t count = size_.value();
  const auto sent = sent_.bytes().first(count);
  const auto received = received_.bytes().first(count);
  fill_with_chance(sent);
  const std::uint32_t wanted = accel::crc32c(0, sent);

  using Step = std::function<Result<void>()>;
  const std::vector<Step> steps = {
      [&] { return check_copy(device_, in(sent_), on_device(0), count); },
      [&] { return check_crc(device_, on_device(0), count, wanted); },
      [&] { return check_copy(device_, on_device(0), on_device(count), count); },
      [&] { return check_copy(device_, on_device(count), in(received_), count); },
      [&] { return check_crc(device_, in(received_), count, wanted); },
  };
  for (const Step& step : steps) {
    if (auto right = step(); !right) return std::unexpected(right.error());
  }
  const auto [here, there] = std::ranges::mismatch(sent, received);
  if (here == sent.end()) return wanted;
  return fail("{}: byte {} came back as {:02x}, not {:02x}", device_.name(), here - sent.begin(),
              std::to_integer<unsigned>(*there), std::to_integer<unsigned>(*here));
}

Result<Speed> measure(Device& device, ByteCount size, unsigned at_once,
                      std::chrono::milliseconds duration) {
  const auto from = device.make_buffer(size);
  if (!from) return std::unexpected(from.error());
  std::vector<std::byte> own_from(size.value(), std::byte{1});
  std::vector<std::byte> own_to(size.value());
  Speed speed{};
  Clock::duration by_engine{};
  Clock::duration by_processor{};
  // In turns, so that whatever else the machine does hits both.
  for (const auto end = Clock::now() + duration; Clock::now() < end;) {
    const auto start = Clock::now();
    const auto done = copy_at_once(device, in(*from), size.value(), at_once);
    if (!done) return std::unexpected(done.error());
    const auto middle = Clock::now();
    for (unsigned copy = 0; copy < at_once; ++copy) {
      std::memcpy(own_to.data(), own_from.data(), size.value());
      own_from[0] = own_to[size.value() - 1];  // the copy is wanted
    }
    by_engine += middle - start;
    by_processor += Clock::now() - middle;
    speed.copies += at_once;
  }
  const std::uint64_t bytes = speed.copies * size.value();
  speed.engine = bytes_a_second(bytes, by_engine);
  speed.memcpy = bytes_a_second(bytes, by_processor);
  speed.microseconds_each = std::chrono::duration<double, std::micro>(by_engine).count() /
                            static_cast<double>(speed.copies);
  return speed;
}

}  // namespace mockdev::workload
