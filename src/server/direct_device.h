// SPDX-License-Identifier: Apache-2.0
// A PCI function as a vfio-user device of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pci/function.h"
#include "vfio_user/device.h"

namespace mockdev::server {

/// Passes a client's accesses on to a function, and the function's interrupts and memory requests
/// to the client. When the client leaves, the function is reset.
class DirectDevice final : public vfio_user::Device,
                           private pci::InterruptSink,
                           private pci::MachineMemory {
 public:
  /// `function` must outlive the device.
  explicit DirectDevice(pci::Function& function);

  [[nodiscard]] std::span<const vfio_user::Region> regions() const override { return regions_; }
  [[nodiscard]] std::span<const vfio_user::IrqIndex> irqs() const override { return irqs_; }

  void read(std::uint32_t region, std::uint64_t offset, std::span<std::byte> into) override;
  void write(std::uint32_t region, std::uint64_t offset, std::span<const std::byte> data) override;
  void reset() override;
  void connected(vfio_user::Client& client) override;
  void disconnected() override;

 private:
  void interrupt(std::uint16_t vector, const pci::Message& message) override;
  Result<void> read(std::uint64_t address, std::span<std::byte> into) override;
  Result<void> write(std::uint64_t address, std::span<const std::byte> data) override;
  Result<void> copy(std::uint64_t from, std::uint64_t to, std::span<std::byte> buffer) override;

  // VFIO's numbers (linux/vfio.h): BARs, ROM, config space, VGA; INTx, MSI, MSI-X, error, request.
  static constexpr std::size_t kRegions = 9;
  static constexpr std::size_t kIrqs = 5;

  pci::Function& function_;
  std::array<vfio_user::Region, kRegions> regions_;
  std::array<vfio_user::IrqIndex, kIrqs> irqs_;
  vfio_user::Client* client_ = nullptr;  ///< set while the function's sink and memory are this
};

}  // namespace mockdev::server
