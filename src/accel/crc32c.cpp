// SPDX-License-Identifier: Apache-2.0
#include "accel/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

namespace mockdev::accel {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f6'3b78;  // reflected
constexpr std::size_t kByteValues = 256;
constexpr unsigned kBitsPerByte = 8;

constexpr std::array<std::uint32_t, kByteValues> kCrcOfByte = [] {
  std::array<std::uint32_t, kByteValues> table{};
  for (std::uint32_t value = 0; value < kByteValues; ++value) {
    std::uint32_t crc = value;
    for (unsigned bit = 0; bit < kBitsPerByte; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0);
    }
    table.at(value) = crc;
  }
  return table;
}();

using Crc32c = std::uint32_t (*)(std::uint32_t crc, std::span<const std::byte> data);

/// The next eight bytes of data as the processor loads them.
[[maybe_unused]] std::uint64_t next_word(std::span<const std::byte> data) {
  std::uint64_t word = 0;
  std::memcpy(&word, data.data(), sizeof(word));
  return word;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(
    std::uint32_t crc, std::span<const std::byte> data) {
  std::uint64_t wide = ~crc;
  for (; data.size() >= sizeof(wide); data = data.subspan(sizeof(wide))) {
    wide = _mm_crc32_u64(wide, next_word(data));
  }
  auto narrow = static_cast<std::uint32_t>(wide);
  for (const std::byte byte : data)
    narrow = _mm_crc32_u8(narrow, std::to_integer<unsigned char>(byte));
  return ~narrow;
}

Crc32c fastest_crc32c() {
  return __builtin_cpu_supports("sse4.2") ? crc32c_by_instruction : crc32c_by_table;
}

#elif defined(__aarch64__) && defined(__linux__)

__attribute__((target("+crc"))) std::uint32_t crc32c_by_instruction(
    std::uint32_t crc, std::span<const std::byte> data) {
  crc = ~crc;
  for (; data.size() >= sizeof(std::uint64_t); data = data.subspan(sizeof(std::uint64_t))) {
    crc = __crc32cd(crc, next_word(data));
  }
  for (const std::byte byte : data) crc = __crc32cb(crc, std::to_integer<std::uint8_t>(byte));
  return ~crc;
}

Crc32c fastest_crc32c() {
  return (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0 ? crc32c_by_instruction : crc32c_by_table;
}

#else

Crc32c fastest_crc32c() {
  return crc32c_by_table;
}

#endif

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> data) {
  static const Crc32c fastest = fastest_crc32c();
  return fastest(crc, data);
}

std::uint32_t crc32c_by_table(std::uint32_t crc, std::span<const std::byte> data) {
  crc = ~crc;
  for (const std::byte byte : data) {
    const auto index = std::to_integer<std::uint8_t>(byte) ^ static_cast<std::uint8_t>(crc);
    crc = (crc >> kBitsPerByte) ^ kCrcOfByte[static_cast<std::uint8_t>(index)];
  }
  return ~crc;
}

}  // namespace mockdev::accel
