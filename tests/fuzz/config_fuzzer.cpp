// SPDX-License-Identifier: Apache-2.0
// Accesses of any shape to an accelerator's configuration space. The first byte is the number of
// VFs; the rest are accesses (accesses.h), where verb `other` is a fundamental reset.
#include <array>
#include <bit>
#include <memory>
#include <vector>

#include <linux/pci_regs.h>

#include "accel/accelerator.h"
#include "accesses.h"
#include "pci/little_endian.h"

namespace mockdev::fuzz {
namespace {

using Bytes = pci::ConfigLayout::Bytes;

class Subject {
 public:
  explicit Subject(std::uint16_t vfs)
      : settings_{.uuid = uuid_of_name("fuzz"), .memory = 1_MiB, .capabilities = 0, .vfs = vfs},
        device_(*accel::Accelerator::make(settings_)),
        layout_(accel::config_layout(settings_)),
        original_(all()) {}

  void run(const Access& access) {
    switch (access.verb) {
      case Verb::read:
        check_read(access);
        break;
      case Verb::write:
      case Verb::write_config:
        device_->config_write(access.offset, access.data);
        break;
      case Verb::other:
        device_->reset();
        break;
    }
    check_rules();
  }

  /// Only what may be written has changed. No error ever happens here, so that status bits, which
  /// software can only clear, stay as they were as well.
  void check_masks() const {
    const Bytes now = all();
    for (std::size_t i = 0; i < now.size(); ++i) {
      require((now[i] & ~layout_->writable()[i]) == (original_[i] & ~layout_->writable()[i]));
    }
  }

 private:
  Bytes all() const {
    Bytes bytes;
    device_->config_read(0, bytes);
    return bytes;
  }

  std::uint64_t number(std::size_t offset, std::size_t size) const {
    std::array<std::byte, 8> bytes{};
    device_->config_read(offset, std::span(bytes).first(size));
    return pci::load_little_endian(bytes);
  }

  void check_read(const Access& access) const {
    std::vector<std::byte> wide(access.size);
    device_->config_read(access.offset, wide);
    for (std::size_t i = 0; i < wide.size(); ++i) {
      std::array<std::byte, 1> one{};
      device_->config_read(access.offset + i, one);
      require(one[0] == wide[i]);
    }
  }

  void check_rules() const {
    const std::size_t express = layout_->find(pci::CapabilityId::pci_express);
    require((number(express + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR) == 0);
    const std::size_t power = layout_->find(pci::CapabilityId::power_management);
    const std::uint64_t state = number(power + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK;
    require(state == 0 || state == 3);
    const std::size_t sriov = layout_->find(pci::ExtendedCapabilityId::single_root_iov);
    require((sriov != 0) == (settings_.vfs != 0));
    if (sriov == 0) return;
    require(number(sriov + PCI_SRIOV_NUM_VF, 2) <= settings_.vfs);
    const std::uint64_t page = number(sriov + PCI_SRIOV_SYS_PGSIZE, 4);
    require(std::has_single_bit(page) && (page & number(sriov + PCI_SRIOV_SUP_PGSIZE, 4)) != 0);
    require((number(sriov + PCI_SRIOV_BAR, 8) & (page * 4096 - 1) & ~std::uint64_t{0xf}) == 0);
  }

  accel::Settings settings_;
  std::unique_ptr<accel::Accelerator> device_;
  std::shared_ptr<const pci::ConfigLayout> layout_;
  Bytes original_;
};

}  // namespace
}  // namespace mockdev::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mockdev::fuzz;
  Input input(std::as_bytes(std::span(data, size)));
  Subject subject(input.byte() % (MOCK_ACCEL_MAX_VFS + 1));
  for (int i = 0; i < kMaxAccesses && !input.empty(); ++i) subject.run(next_access(input));
  subject.check_masks();
  return 0;
}
