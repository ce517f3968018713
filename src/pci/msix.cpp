// SPDX-License-Identifier: Apache-2.0
#include "pci/msix.h"

#include <algorithm>
#include <array>

#include <linux/pci_regs.h>

#include "pci/decode.h"
#include "pci/little_endian.h"

namespace mockdev::pci {
namespace {

using Entry = std::array<std::byte, Msix::kEntrySize>;

// Message addresses are those of doublewords; of Vector Control there is the mask bit only.
constexpr Entry kWritable = [] {
  Entry entry{};
  std::ranges::fill(entry, std::byte{0xff});
  entry[PCI_MSIX_ENTRY_LOWER_ADDR] = std::byte{0xfc};
  std::ranges::fill(std::span(entry).subspan(PCI_MSIX_ENTRY_VECTOR_CTRL), std::byte{0});
  entry[PCI_MSIX_ENTRY_VECTOR_CTRL] = std::byte{PCI_MSIX_ENTRY_CTRL_MASKBIT};
  return entry;
}();

constexpr std::size_t entry_of(std::size_t vector) {
  return vector * Msix::kEntrySize;
}

}  // namespace

MsixControl msix_control(const ConfigSpace& space) {
  const std::size_t msix = space.layout().find(CapabilityId::msi_x);
  const std::uint64_t flags = space.get(msix + PCI_MSIX_FLAGS, 2);
  return {.enabled = (flags & PCI_MSIX_FLAGS_ENABLE) != 0,
          .held = (flags & PCI_MSIX_FLAGS_MASKALL) != 0 || !may_master(space)};
}

Msix::Msix(std::uint16_t vectors) : table_(entry_of(vectors)) {
  reset();
}

std::uint16_t Msix::vectors() const {
  return static_cast<std::uint16_t>(table_.size() / kEntrySize);
}

void Msix::write_table(std::span<const std::byte> table) {
  for (std::size_t i = 0; i < table_.size(); ++i) {
    table_[i] = table[i] & kWritable.at(i % kEntrySize);
  }
  send_pending();
}

void Msix::raise(std::uint16_t vector) {
  if (!control_.enabled || vector >= vectors()) return;
  pending_ |= std::uint64_t{1} << vector;
  send_pending();
}

void Msix::set_control(MsixControl control) {
  control_ = control;
  if (!control_.enabled) pending_ = 0;
  send_pending();
}

void Msix::set_sink(InterruptSink* sink) {
  sink_ = sink;
  send_pending();
}

void Msix::reset() {
  std::ranges::fill(table_, std::byte{0});
  for (std::size_t vector = 0; vector < vectors(); ++vector) {
    table_[entry_of(vector) + PCI_MSIX_ENTRY_VECTOR_CTRL] = std::byte{PCI_MSIX_ENTRY_CTRL_MASKBIT};
  }
  pending_ = 0;
  control_ = {};
}

void Msix::send_pending() {
  if (sink_ == nullptr || control_.held) return;
  for (std::uint16_t vector = 0; vector < vectors(); ++vector) {
    const std::uint64_t bit = std::uint64_t{1} << vector;
    if ((pending_ & bit) == 0 || masked(vector)) continue;
    pending_ &= ~bit;
    sink_->interrupt(vector, message(vector));
  }
}

Message Msix::message(std::size_t vector) const {
  const auto entry = std::span(table_).subspan(entry_of(vector), kEntrySize);
  return {.address = load_little_endian(entry.first(8)),
          .data = static_cast<std::uint32_t>(
              load_little_endian(entry.subspan(PCI_MSIX_ENTRY_DATA, 4)))};
}

bool Msix::masked(std::size_t vector) const {
  const std::byte control = table_[entry_of(vector) + PCI_MSIX_ENTRY_VECTOR_CTRL];
  return sink_->shows_msix_table() &&
         (control & std::byte{PCI_MSIX_ENTRY_CTRL_MASKBIT}) != std::byte{0};
}

}  // namespace mockdev::pci
