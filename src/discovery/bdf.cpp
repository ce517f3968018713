// SPDX-License-Identifier: Apache-2.0
#include "discovery/bdf.h"

#include <charconv>
#include <optional>

namespace mockdev::discovery {
namespace {

constexpr std::size_t kMinDomainDigits = 4;
constexpr std::size_t kMaxDomainDigits = 8;
constexpr std::uint8_t kMaxDevice = 31;
constexpr std::uint8_t kMaxFunction = 7;

template <typename Number>
std::optional<Number> hex(std::string_view digits) {
  Number number{};
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, number, 16);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

}  // namespace

Result<Bdf> parse_bdf(std::string_view text) {
  constexpr std::size_t kTail = std::string_view(":bb:dd.f").size();
  const auto wrong = [&] { return fail("{} is not a PCI address, such as 0000:01:00.0", text); };
  if (text.size() < kMinDomainDigits + kTail || text.size() > kMaxDomainDigits + kTail) {
    return wrong();
  }
  const std::string_view tail = text.substr(text.size() - kTail);
  if (tail[0] != ':' || tail[3] != ':' || tail[6] != '.') return wrong();

  const auto domain = hex<std::uint32_t>(text.substr(0, text.size() - kTail));
  const auto bus = hex<std::uint8_t>(tail.substr(1, 2));
  const auto device = hex<std::uint8_t>(tail.substr(4, 2));
  const auto function = hex<std::uint8_t>(tail.substr(7));
  if (!domain || !bus || !device || !function) return wrong();
  if (*device > kMaxDevice || *function > kMaxFunction) return wrong();
  return Bdf{.domain = *domain, .bus = *bus, .device = *device, .function = *function};
}

std::string to_string(const Bdf& bdf) {
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", bdf.domain, bdf.bus, bdf.device, bdf.function);
}

}  // namespace mockdev::discovery
