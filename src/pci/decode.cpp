// SPDX-License-Identifier: Apache-2.0
#include "pci/decode.h"

#include <algorithm>

#include <linux/pci_regs.h>

namespace mockdev::pci {
namespace {

constexpr std::uint64_t kSmallestSystemPage = 4096;

/// The address in the BAR register at `offset` of the space.
std::uint64_t address_in(const ConfigSpace& space, std::size_t offset, bool is_64bit) {
  return space.get(offset, is_64bit ? 8 : 4) & ~std::uint64_t{0xf};
}

bool vfs_answer(const ConfigSpace& space, std::size_t sriov) {
  constexpr std::uint64_t kBoth = PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE;
  return (space.get(sriov + PCI_SRIOV_CTRL, 2) & kBoth) == kBoth;
}

}  // namespace

bool is_awake(const ConfigSpace& space) {
  const std::size_t power = space.layout().find(CapabilityId::power_management);
  return power == 0 || (space.get(power + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK) == 0;
}

bool may_master(const ConfigSpace& space) {
  return (space.get(PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0 && is_awake(space);
}

std::optional<BarOffset> decode(const ConfigSpace& space, const Bars& bars, std::uint64_t address) {
  if ((space.get(PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) == 0 || !is_awake(space)) return {};
  for (unsigned bar = 0; bar < kBarCount; ++bar) {
    const auto& [size, is_64bit, prefetchable] = bars.at(bar);
    if (size == 0_B) continue;
    const std::uint64_t start = address_in(space, PCI_BASE_ADDRESS_0 + (4 * bar), is_64bit);
    if (address >= start && address - start < size.value()) {
      return BarOffset{.bar = bar, .offset = address - start};
    }
  }
  return {};
}

std::uint16_t enabled_vfs(const ConfigSpace& space) {
  const std::size_t sriov = space.layout().find(ExtendedCapabilityId::single_root_iov);
  if (sriov == 0) return 0;
  const bool enabled = (space.get(sriov + PCI_SRIOV_CTRL, 2) & PCI_SRIOV_CTRL_VFE) != 0;
  return enabled ? static_cast<std::uint16_t>(space.get(sriov + PCI_SRIOV_NUM_VF, 2)) : 0;
}

std::optional<VfOffset> decode_vf(const ConfigSpace& space, ByteCount size, std::uint64_t address) {
  const std::size_t sriov = space.layout().find(ExtendedCapabilityId::single_root_iov);
  if (sriov == 0 || !vfs_answer(space, sriov)) return {};
  const std::uint64_t start = address_in(space, sriov + PCI_SRIOV_BAR, true);
  if (address < start) return {};
  // §9.3.3.14: each VF's part of the BAR is at least a system page.
  const std::uint64_t page = space.get(sriov + PCI_SRIOV_SYS_PGSIZE, 4) * kSmallestSystemPage;
  const std::uint64_t part = std::max(size.value(), page);
  const std::uint64_t vf = (address - start) / part;
  const std::uint64_t offset = (address - start) % part;
  if (vf >= enabled_vfs(space) || offset >= size.value()) return {};
  return VfOffset{.vf = static_cast<std::uint16_t>(vf), .offset = offset};
}

}  // namespace mockdev::pci
