// SPDX-License-Identifier: Apache-2.0
#include "pci/config_space.h"

#include <algorithm>
#include <utility>

#include "pci/little_endian.h"

namespace mockdev::pci {
namespace {

constexpr std::size_t kDword = 4;

constexpr std::size_t dword_of(std::size_t offset) {
  return offset & ~(kDword - 1);
}

/// How many of `size` bytes at `offset` lie within the space.
constexpr std::size_t within_space(std::size_t offset, std::size_t size) {
  return offset >= kConfigSize ? 0 : std::min(size, kConfigSize - offset);
}

}  // namespace

ConfigSpace::ConfigSpace(std::shared_ptr<const ConfigLayout> layout)
    : layout_(std::move(layout)), values_(layout_->reset()) {}

void ConfigSpace::read(std::size_t offset, std::span<std::byte> into) const {
  const std::size_t present = within_space(offset, into.size());
  std::ranges::copy(std::span(values_).subspan(present == 0 ? 0 : offset, present), into.begin());
  std::ranges::fill(into.subspan(present), std::byte{0xff});
}

ConfigEffect ConfigSpace::write(std::size_t offset, std::span<const std::byte> data) {
  data = data.first(within_space(offset, data.size()));
  ConfigEffect effect = ConfigEffect::none;
  while (!data.empty()) {
    const std::size_t count = std::min(data.size(), dword_of(offset) + kDword - offset);
    effect = std::max(effect, write_within_dword(offset, data.first(count)));
    offset += count;
    data = data.subspan(count);
  }
  return effect;
}

ConfigEffect ConfigSpace::write_within_dword(std::size_t offset, std::span<const std::byte> data) {
  const std::size_t dword = dword_of(offset);
  const auto before = static_cast<std::uint32_t>(get(dword, kDword));
  for (const std::byte written : data) {
    const std::byte writable = layout_->writable()[offset];
    const std::byte cleared = layout_->write_1_to_clear()[offset] & written;
    values_[offset] = ((values_[offset] & ~writable) | (written & writable)) & ~cleared;
    ++offset;
  }
  const auto [rule, base] = layout_->rule_at(dword);
  if (rule == nullptr) return ConfigEffect::none;
  return rule(*this, base, {.offset = dword - base, .before = before});
}

std::uint64_t ConfigSpace::get(std::size_t offset, std::size_t size) const {
  return load_little_endian(std::span(values_).subspan(offset, size));
}

void ConfigSpace::set(std::size_t offset, std::size_t size, std::uint64_t value) {
  store_little_endian(value, std::span(values_).subspan(offset, size));
}

void ConfigSpace::reset() {
  for (std::size_t i = 0; i < kConfigSize; ++i) {
    const std::byte changes = layout_->writable()[i] | layout_->write_1_to_clear()[i];
    values_[i] = (values_[i] & ~changes) | (layout_->reset()[i] & changes);
  }
}

void ConfigSpace::function_level_reset() {
  for (std::size_t i = 0; i < kConfigSize; ++i) {
    const std::byte changes =
        (layout_->writable()[i] | layout_->write_1_to_clear()[i]) & ~layout_->kept_by_flr()[i];
    values_[i] = (values_[i] & ~changes) | (layout_->reset()[i] & changes);
  }
}

}  // namespace mockdev::pci
