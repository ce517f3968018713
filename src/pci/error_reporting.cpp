// SPDX-License-Identifier: Apache-2.0
#include "pci/error_reporting.h"

#include <bit>

#include <linux/pci_regs.h>

namespace mockdev::pci {
namespace {

void set_bits(ConfigSpace& space, std::size_t offset, std::size_t size, std::uint64_t bits) {
  space.set(offset, size, space.get(offset, size) | bits);
}

bool has(const ConfigSpace& space, std::size_t offset, std::size_t size, std::uint64_t bits) {
  return (space.get(offset, size) & bits) != 0;
}

/// Sets the bit of an error in Device Status; whether Device Control lets it be reported.
bool show_in_device_status(ConfigSpace& space, std::uint64_t detected, std::uint64_t enable) {
  const std::size_t express = space.layout().find(CapabilityId::pci_express);
  set_bits(space, express + PCI_EXP_DEVSTA, 2, detected);
  return has(space, express + PCI_EXP_DEVCTL, 2, enable);
}

std::optional<ErrorMessage> record_correctable(ConfigSpace& space, std::size_t aer) {
  set_bits(space, aer + PCI_ERR_COR_STATUS, 4, PCI_ERR_COR_RCVR);
  const bool enabled = show_in_device_status(space, PCI_EXP_DEVSTA_CED, PCI_EXP_DEVCTL_CERE);
  if (!enabled || has(space, aer + PCI_ERR_COR_MASK, 4, PCI_ERR_COR_RCVR)) return {};
  return ErrorMessage::correctable;
}

std::optional<ErrorMessage> record_uncorrectable(ConfigSpace& space, std::size_t aer,
                                                 std::uint32_t bit) {
  const bool is_first = space.get(aer + PCI_ERR_UNCOR_STATUS, 4) == 0;
  set_bits(space, aer + PCI_ERR_UNCOR_STATUS, 4, bit);
  if (is_first) {
    const std::uint64_t others = space.get(aer + PCI_ERR_CAP, 4) & ~std::uint64_t{0x1f};
    space.set(aer + PCI_ERR_CAP, 4, others | static_cast<unsigned>(std::countr_zero(bit)));
  }
  const bool fatal = has(space, aer + PCI_ERR_UNCOR_SEVER, 4, bit);
  const bool enabled =
      fatal ? show_in_device_status(space, PCI_EXP_DEVSTA_FED, PCI_EXP_DEVCTL_FERE)
            : show_in_device_status(space, PCI_EXP_DEVSTA_NFED, PCI_EXP_DEVCTL_NFERE);
  if (!enabled || has(space, aer + PCI_ERR_UNCOR_MASK, 4, bit)) return {};
  return fatal ? ErrorMessage::fatal : ErrorMessage::nonfatal;
}

/// The first error of its kind names its source, further ones only that there were several.
void receive(ConfigSpace& space, std::size_t aer, std::uint32_t received, std::uint32_t several,
             std::size_t source_offset, std::uint16_t source) {
  if (has(space, aer + PCI_ERR_ROOT_STATUS, 4, received)) {
    set_bits(space, aer + PCI_ERR_ROOT_STATUS, 4, several);
    return;
  }
  set_bits(space, aer + PCI_ERR_ROOT_STATUS, 4, received);
  space.set(aer + source_offset, 2, source);
}

}  // namespace

std::optional<ErrorMessage> record_error(ConfigSpace& space, ErrorMessage error) {
  const std::size_t aer = space.layout().find(ExtendedCapabilityId::advanced_error_reporting);
  switch (error) {
    case ErrorMessage::correctable:
      return record_correctable(space, aer);
    case ErrorMessage::nonfatal:
      return record_uncorrectable(space, aer, PCI_ERR_UNC_COMP_ABORT);
    case ErrorMessage::fatal:
      return record_uncorrectable(space, aer, PCI_ERR_UNC_MALF_TLP);
  }
  return {};
}

bool receive_error(ConfigSpace& space, ErrorMessage error, std::uint16_t source) {
  const std::size_t aer = space.layout().find(ExtendedCapabilityId::advanced_error_reporting);
  const std::size_t command = aer + PCI_ERR_ROOT_COMMAND;
  if (error == ErrorMessage::correctable) {
    receive(space, aer, PCI_ERR_ROOT_COR_RCV, PCI_ERR_ROOT_MULTI_COR_RCV, PCI_ERR_ROOT_ERR_SRC,
            source);
    return has(space, command, 4, PCI_ERR_ROOT_CMD_COR_EN);
  }
  const bool fatal = error == ErrorMessage::fatal;
  const bool is_first = !has(space, aer + PCI_ERR_ROOT_STATUS, 4, PCI_ERR_ROOT_UNCOR_RCV);
  receive(space, aer, PCI_ERR_ROOT_UNCOR_RCV, PCI_ERR_ROOT_MULTI_UNCOR_RCV,
          PCI_ERR_ROOT_ERR_SRC + 2, source);
  set_bits(space, aer + PCI_ERR_ROOT_STATUS, 4,
           fatal ? PCI_ERR_ROOT_FATAL_RCV : PCI_ERR_ROOT_NONFATAL_RCV);
  if (fatal && is_first) set_bits(space, aer + PCI_ERR_ROOT_STATUS, 4, PCI_ERR_ROOT_FIRST_FATAL);
  return has(space, command, 4, fatal ? PCI_ERR_ROOT_CMD_FATAL_EN : PCI_ERR_ROOT_CMD_NONFATAL_EN);
}

}  // namespace mockdev::pci
