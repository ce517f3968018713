// SPDX-License-Identifier: Apache-2.0
#include "server/direct_device.h"

#include <linux/vfio.h>

namespace mockdev::server {

DirectDevice::DirectDevice(pci::Function& function) : function_(function) {
  static_assert(kRegions == VFIO_PCI_NUM_REGIONS && kIrqs == VFIO_PCI_NUM_IRQS);
  for (std::size_t bar = 0; bar < pci::kBarCount; ++bar) {
    const ByteCount size = function.bars()[bar].size;
    regions_[bar] = {.size = size, .readable = size > 0_B, .writable = size > 0_B};
  }
  regions_[VFIO_PCI_CONFIG_REGION_INDEX] = {
      .size = ByteCount{pci::kConfigSize}, .readable = true, .writable = true};
  irqs_[VFIO_PCI_MSIX_IRQ_INDEX] = {.count = function.msix_vectors()};
  // Never raised, but QEMU warns about a device that lacks it.
  irqs_[VFIO_PCI_ERR_IRQ_INDEX] = {.count = 1};
  irqs_[VFIO_PCI_REQ_IRQ_INDEX] = {.count = 1};
}

void DirectDevice::read(std::uint32_t region, std::uint64_t offset, std::span<std::byte> into) {
  if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
    function_.config_read(offset, into);
  } else {
    function_.bar_read(region, offset, into);
  }
}

void DirectDevice::write(std::uint32_t region, std::uint64_t offset,
                         std::span<const std::byte> data) {
  if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
    function_.config_write(offset, data);
  } else {
    function_.bar_write(region, offset, data);
  }
}

void DirectDevice::reset() {
  function_.reset();
}

void DirectDevice::connected(vfio_user::Client& client) {
  client_ = &client;
  function_.set_interrupt_sink(this);
  function_.set_machine_memory(this);
}

void DirectDevice::disconnected() {
  function_.set_interrupt_sink(nullptr);
  function_.set_machine_memory(nullptr);
  client_ = nullptr;
  function_.reset();
}

void DirectDevice::interrupt(std::uint16_t vector, const pci::Message& /*message*/) {
  client_->trigger(VFIO_PCI_MSIX_IRQ_INDEX, vector);
}

Result<void> DirectDevice::read(std::uint64_t address, std::span<std::byte> into) {
  return client_->dma_read(vfio_user::GuestAddress{address}, into);
}

Result<void> DirectDevice::write(std::uint64_t address, std::span<const std::byte> data) {
  return client_->dma_write(vfio_user::GuestAddress{address}, data);
}

Result<void> DirectDevice::copy(std::uint64_t from, std::uint64_t to, std::span<std::byte> buffer) {
  return client_->dma_copy(vfio_user::GuestAddress{from}, vfio_user::GuestAddress{to}, buffer);
}

}  // namespace mockdev::server
