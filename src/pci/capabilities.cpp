// SPDX-License-Identifier: Apache-2.0
#include "pci/capabilities.h"

#include <algorithm>
#include <array>
#include <bit>

#include <linux/pci_regs.h>

namespace mockdev::pci {
namespace {

// --- PCI Express ---------------------------------------------------------------------------------

constexpr std::uint16_t kPciExpressSize = 0x3c;  // of version 2, slot and root registers included

constexpr std::uint64_t kEndpoint = 2;  // version 2, device type 0
constexpr std::uint64_t kRootPortWithSlot = 2 | (PCI_EXP_TYPE_ROOT_PORT << 4U) | PCI_EXP_FLAGS_SLOT;

constexpr std::uint64_t kPayload512Supported = 2;
constexpr std::uint64_t kEndpointCapabilities =
    kPayload512Supported | PCI_EXP_DEVCAP_EXT_TAG | PCI_EXP_DEVCAP_L0S | PCI_EXP_DEVCAP_L1 |
    PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR;  // L0S, L1: no limit to the latency

constexpr std::uint64_t kDeviceControlReset = PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_EXT_TAG |
                                              PCI_EXP_DEVCTL_NOSNOOP_EN |
                                              PCI_EXP_DEVCTL_READRQ_512B;
constexpr std::uint64_t kDeviceControlWritable =
    PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_EXT_TAG |
    PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ | PCI_EXP_DEVCTL_BCR_FLR;
constexpr std::uint64_t kDeviceStatusClearable =
    PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD;

constexpr std::uint64_t kWidth16 = 16U << PCI_EXP_LNKSTA_NLW_SHIFT;
constexpr std::uint64_t kAspmOptionality = 1U << 22U;  // §7.5.3.6: set in all new designs
constexpr std::uint64_t kLinkCapabilities = PCI_EXP_LNKCAP_SLS_16_0GB | kWidth16 | kAspmOptionality;
constexpr std::uint64_t kPortLinkCapabilities = kLinkCapabilities | PCI_EXP_LNKCAP_DLLLARC;
constexpr std::uint64_t kLinkControlWritable =
    PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES;
constexpr std::uint64_t kPortLinkControlWritable = kLinkControlWritable | PCI_EXP_LNKCTL_LD;
constexpr std::uint64_t kLinkStatus = PCI_EXP_LNKSTA_CLS_16_0GB | kWidth16 | PCI_EXP_LNKSTA_SLC;

constexpr std::uint64_t kSlotCapabilities =
    PCI_EXP_SLTCAP_HPS | PCI_EXP_SLTCAP_HPC | PCI_EXP_SLTCAP_NCCS;
constexpr unsigned kSlotNumberShift = 19;
constexpr std::uint64_t kSlotControlWritable =
    PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_DLLSCE;
constexpr std::uint64_t kSlotStatusClearable = PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC;

constexpr std::uint64_t kRootControlWritable =
    PCI_EXP_RTCTL_SECEE | PCI_EXP_RTCTL_SENFEE | PCI_EXP_RTCTL_SEFEE | PCI_EXP_RTCTL_PMEIE;

constexpr std::uint64_t kCompletionTimeoutRanges = 0xf;    // A to D
constexpr std::uint64_t kCompletionTimeoutValue = 0xf;     // of Device Control 2
constexpr std::uint64_t kCompletionTimeoutDisable = 0x10;  // of Device Control 2
constexpr std::uint64_t kTenBitTagCompleter = 1U << 16U;   // §2.2.6.2: a must at 16 GT/s
constexpr std::uint64_t kDeviceCapabilities2 =
    kCompletionTimeoutRanges | PCI_EXP_DEVCAP2_COMP_TMOUT_DIS | kTenBitTagCompleter;
constexpr std::uint64_t kDeviceControl2Writable =
    kCompletionTimeoutValue | kCompletionTimeoutDisable;

constexpr std::uint64_t kRetimerPresenceDetect = 3U << 23U;  // §7.5.3.18: a must at 16 GT/s
constexpr std::uint64_t kLinkCapabilities2 = PCI_EXP_LNKCAP2_SLS_2_5GB | PCI_EXP_LNKCAP2_SLS_5_0GB |
                                             PCI_EXP_LNKCAP2_SLS_8_0GB |
                                             PCI_EXP_LNKCAP2_SLS_16_0GB | kRetimerPresenceDetect;
constexpr std::uint64_t kLinkControl2Writable = 0x1f;  // target speed, enter compliance
constexpr std::uint64_t kEqualizationComplete = 0x1e;  // of Link Status 2: all phases

/// How the PCI Express capabilities of endpoints and ports differ.
struct ExpressKind {
  std::uint64_t flags;
  std::uint64_t device_capabilities;
  std::uint64_t device_control_writable;
  std::uint64_t link_capabilities;
  std::uint64_t link_control_writable;
  std::uint64_t link_status;
  std::uint64_t forwards_ari;  ///< the bit of Device Capabilities 2 and Device Control 2
};

std::vector<ConfigRegister> express_registers(const ExpressKind& kind) {
  return {
      {.offset = PCI_EXP_FLAGS, .size = 2, .reset = kind.flags},
      {.offset = PCI_EXP_DEVCAP, .size = 4, .reset = kind.device_capabilities},
      {.offset = PCI_EXP_DEVCTL,
       .size = 2,
       .reset = kDeviceControlReset,
       .writable = kind.device_control_writable,
       .kept_by_flr = PCI_EXP_DEVCTL_PAYLOAD},
      {.offset = PCI_EXP_DEVSTA, .size = 2, .write_1_to_clear = kDeviceStatusClearable},
      {.offset = PCI_EXP_LNKCAP, .size = 4, .reset = kind.link_capabilities},
      {.offset = PCI_EXP_LNKCTL,
       .size = 2,
       .writable = kind.link_control_writable,
       .kept_by_flr = kind.link_control_writable},
      {.offset = PCI_EXP_LNKSTA, .size = 2, .reset = kind.link_status},
      {.offset = PCI_EXP_DEVCAP2, .size = 4, .reset = kDeviceCapabilities2 | kind.forwards_ari},
      {.offset = PCI_EXP_DEVCTL2,
       .size = 2,
       .writable = kDeviceControl2Writable | kind.forwards_ari},
      {.offset = PCI_EXP_LNKCAP2, .size = 4, .reset = kLinkCapabilities2},
      {.offset = PCI_EXP_LNKCTL2,
       .size = 2,
       .reset = PCI_EXP_LNKCAP_SLS_16_0GB,
       .writable = kLinkControl2Writable,
       .kept_by_flr = kLinkControl2Writable},
      {.offset = PCI_EXP_LNKSTA2, .size = 2, .reset = kEqualizationComplete},
  };
}

// §6.6.2: Initiate Function Level Reset reads as zero. It is writable here so that it is seen.
ConfigEffect start_function_level_reset(ConfigSpace& space, std::size_t base,
                                        WrittenDword /*written*/) {
  if ((space.get(base + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR) == 0) {
    return ConfigEffect::none;
  }
  space.function_level_reset();
  return ConfigEffect::function_level_reset;
}

// --- Power Management ----------------------------------------------------------------------------

constexpr std::uint16_t kPowerManagementSize = 8;
constexpr std::uint64_t kPowerManagementVersion = 3;
constexpr std::uint64_t kD1 = 1;
constexpr std::uint64_t kD2 = 2;

// §7.5.2.2: a state that the function does not have is discarded.
ConfigEffect refuse_missing_power_states(ConfigSpace& space, std::size_t base,
                                         WrittenDword written) {
  if (written.offset != PCI_PM_CTRL) return ConfigEffect::none;
  const std::uint64_t control = space.get(base + PCI_PM_CTRL, 2);
  const std::uint64_t state = control & PCI_PM_CTRL_STATE_MASK;
  if (state == kD1 || state == kD2) {
    const std::uint64_t kept = written.before & PCI_PM_CTRL_STATE_MASK;
    space.set(base + PCI_PM_CTRL, 2, (control & ~std::uint64_t{PCI_PM_CTRL_STATE_MASK}) | kept);
  }
  return ConfigEffect::none;
}

// --- MSI-X ---------------------------------------------------------------------------------------

constexpr std::uint16_t kMsixSize = 12;

// --- MSI -----------------------------------------------------------------------------------------

constexpr std::uint16_t kMsiSize = 14;

// --- Advanced Error Reporting --------------------------------------------------------------------

constexpr std::uint16_t kErrorReportingSize = 0x2c;
constexpr std::uint16_t kRootErrorReportingSize = 0x38;
constexpr std::uint8_t kErrorReportingVersion = 2;

constexpr std::uint64_t kUncorrectable =
    PCI_ERR_UNC_DLP | PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_FCP | PCI_ERR_UNC_COMP_TIME |
    PCI_ERR_UNC_COMP_ABORT | PCI_ERR_UNC_UNX_COMP | PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP |
    PCI_ERR_UNC_ECRC | PCI_ERR_UNC_UNSUP | PCI_ERR_UNC_INTN;
constexpr std::uint64_t kFatalByDefault = PCI_ERR_UNC_DLP | PCI_ERR_UNC_SURPDN | PCI_ERR_UNC_FCP |
                                          PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP |
                                          PCI_ERR_UNC_INTN;
constexpr std::uint64_t kCorrectable =
    PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP | PCI_ERR_COR_BAD_DLLP | PCI_ERR_COR_REP_ROLL |
    PCI_ERR_COR_REP_TIMER | PCI_ERR_COR_ADV_NFAT | PCI_ERR_COR_INTERNAL | PCI_ERR_COR_LOG_OVER;
constexpr std::uint64_t kCorrectableMaskedByDefault =
    PCI_ERR_COR_ADV_NFAT | PCI_ERR_COR_INTERNAL | PCI_ERR_COR_LOG_OVER;
constexpr std::uint64_t kEcrcCapable = PCI_ERR_CAP_ECRC_GENC | PCI_ERR_CAP_ECRC_CHKC;
constexpr std::uint64_t kEcrcEnable = PCI_ERR_CAP_ECRC_GENE | PCI_ERR_CAP_ECRC_CHKE;
constexpr std::uint64_t kRootErrorCommands =
    PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN;
constexpr std::uint64_t kRootErrorStatus = PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_MULTI_COR_RCV |
                                           PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_MULTI_UNCOR_RCV |
                                           PCI_ERR_ROOT_FIRST_FATAL | PCI_ERR_ROOT_NONFATAL_RCV |
                                           PCI_ERR_ROOT_FATAL_RCV;

std::vector<ConfigRegister> error_registers() {
  return {
      {.offset = PCI_ERR_UNCOR_STATUS,
       .size = 4,
       .write_1_to_clear = kUncorrectable,
       .kept_by_flr = kUncorrectable},
      {.offset = PCI_ERR_UNCOR_MASK,
       .size = 4,
       .reset = PCI_ERR_UNC_INTN,
       .writable = kUncorrectable,
       .kept_by_flr = kUncorrectable},
      {.offset = PCI_ERR_UNCOR_SEVER,
       .size = 4,
       .reset = kFatalByDefault,
       .writable = kUncorrectable,
       .kept_by_flr = kUncorrectable},
      {.offset = PCI_ERR_COR_STATUS,
       .size = 4,
       .write_1_to_clear = kCorrectable,
       .kept_by_flr = kCorrectable},
      {.offset = PCI_ERR_COR_MASK,
       .size = 4,
       .reset = kCorrectableMaskedByDefault,
       .writable = kCorrectable,
       .kept_by_flr = kCorrectable},
      {.offset = PCI_ERR_CAP,
       .size = 4,
       .reset = kEcrcCapable,
       .writable = kEcrcEnable,
       .kept_by_flr = kEcrcEnable},
  };
}

// --- Device Serial Number, Alternative Routing-ID ------------------------------------------------

constexpr std::uint16_t kSerialNumberSize = 12;
constexpr std::uint16_t kSerialNumberOffset = 4;
constexpr std::uint16_t kAlternativeRoutingSize = 8;

// --- SR-IOV --------------------------------------------------------------------------------------

constexpr std::uint16_t kSriovSize = 0x40;
constexpr std::uint64_t kAriHierarchyPreserved = 2;  // over D3hot, as all state is
constexpr std::uint64_t kSriovControlWritable =
    PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | PCI_SRIOV_CTRL_ARI;
constexpr std::uint64_t kFirstVfOffset = 1;
constexpr std::uint64_t kVfStride = 1;
constexpr std::uint64_t kPageSizes = 0x553;  // §9.3.3.12: those that a PF has to support
constexpr std::uint64_t kPage4KiB = 1;       // as a bit of these registers
constexpr std::uint64_t kSmallestPage = 4096;

bool vfs_enabled(const ConfigSpace& space, std::size_t base) {
  return (space.get(base + PCI_SRIOV_CTRL, 2) & PCI_SRIOV_CTRL_VFE) != 0;
}

void keep_ari_while_enabled(ConfigSpace& space, std::size_t base, std::uint32_t before) {
  const std::uint64_t now = space.get(base + PCI_SRIOV_CTRL, 2);
  if ((before & now & PCI_SRIOV_CTRL_VFE) == 0) return;
  const std::uint64_t others = now & ~std::uint64_t{PCI_SRIOV_CTRL_ARI};
  space.set(base + PCI_SRIOV_CTRL, 2, others | (before & PCI_SRIOV_CTRL_ARI));
}

void limit_num_vfs(ConfigSpace& space, std::size_t base, std::uint32_t before) {
  const std::uint64_t now = space.get(base + PCI_SRIOV_NUM_VF, 2);
  const std::uint64_t total = space.get(base + PCI_SRIOV_TOTAL_VF, 2);
  const std::uint64_t right = vfs_enabled(space, base) ? before & 0xffffU : std::min(now, total);
  space.set(base + PCI_SRIOV_NUM_VF, 2, right);
}

// §9.3.3.14: each VF's part of a VF BAR starts at a multiple of the system page.
void align_vf_bar(ConfigSpace& space, std::size_t base) {
  const std::uint64_t page = space.get(base + PCI_SRIOV_SYS_PGSIZE, 4) * kSmallestPage;
  const std::uint64_t type_or_page_number = PCI_BASE_ADDRESS_SPACE | 0xeU | ~(page - 1);
  space.set(base + PCI_SRIOV_BAR, 4, space.get(base + PCI_SRIOV_BAR, 4) & type_or_page_number);
}

void choose_one_page_size(ConfigSpace& space, std::size_t base, std::uint32_t before) {
  const std::uint64_t now = space.get(base + PCI_SRIOV_SYS_PGSIZE, 4);
  const std::uint64_t lowest = now == 0 ? kPage4KiB : std::uint64_t{1} << std::countr_zero(now);
  space.set(base + PCI_SRIOV_SYS_PGSIZE, 4, vfs_enabled(space, base) ? before : lowest);
  align_vf_bar(space, base);
}

ConfigEffect keep_sriov_rules(ConfigSpace& space, std::size_t base, WrittenDword written) {
  switch (written.offset) {
    case PCI_SRIOV_CTRL:
      keep_ari_while_enabled(space, base, written.before);
      break;
    case PCI_SRIOV_NUM_VF:
      limit_num_vfs(space, base, written.before);
      break;
    case PCI_SRIOV_SYS_PGSIZE:
      choose_one_page_size(space, base, written.before);
      break;
    case PCI_SRIOV_BAR:
      align_vf_bar(space, base);
      break;
    default:
      break;
  }
  return ConfigEffect::none;
}

}  // namespace

Capability pci_express_endpoint() {
  return {
      .id = CapabilityId::pci_express,
      .body = {.size = kPciExpressSize,
               .registers = express_registers({.flags = kEndpoint,
                                               .device_capabilities = kEndpointCapabilities,
                                               .device_control_writable = kDeviceControlWritable,
                                               .link_capabilities = kLinkCapabilities,
                                               .link_control_writable = kLinkControlWritable,
                                               .link_status = kLinkStatus,
                                               .forwards_ari = 0}),
               .rule = start_function_level_reset}};
}

Capability pci_express_root_port(std::uint16_t slot) {
  std::vector<ConfigRegister> registers = express_registers(
      {.flags = kRootPortWithSlot,
       .device_capabilities = kPayload512Supported | PCI_EXP_DEVCAP_EXT_TAG | PCI_EXP_DEVCAP_RBER,
       .device_control_writable = kDeviceControlWritable & ~std::uint64_t{PCI_EXP_DEVCTL_BCR_FLR},
       .link_capabilities = kPortLinkCapabilities,
       .link_control_writable = kPortLinkControlWritable,
       .link_status = 0,
       .forwards_ari = PCI_EXP_DEVCAP2_ARI});
  const auto of_the_slot = std::to_array<ConfigRegister>({
      {.offset = PCI_EXP_SLTCAP,
       .size = 4,
       .reset = kSlotCapabilities | (std::uint64_t{slot} << kSlotNumberShift)},
      {.offset = PCI_EXP_SLTCTL, .size = 2, .writable = kSlotControlWritable},
      {.offset = PCI_EXP_SLTSTA, .size = 2, .write_1_to_clear = kSlotStatusClearable},
      {.offset = PCI_EXP_RTCTL, .size = 2, .writable = kRootControlWritable},
      {.offset = PCI_EXP_RTSTA, .size = 4, .write_1_to_clear = PCI_EXP_RTSTA_PME},
  });
  registers.insert(registers.end(), of_the_slot.begin(), of_the_slot.end());
  return {.id = CapabilityId::pci_express,
          .body = {.size = kPciExpressSize, .registers = std::move(registers)}};
}

Capability power_management() {
  return {.id = CapabilityId::power_management,
          .body = {.size = kPowerManagementSize,
                   .registers =
                       {
                           {.offset = PCI_PM_PMC, .size = 2, .reset = kPowerManagementVersion},
                           {.offset = PCI_PM_CTRL,
                            .size = 2,
                            .reset = PCI_PM_CTRL_NO_SOFT_RESET,
                            .writable = PCI_PM_CTRL_STATE_MASK},
                       },
                   .rule = refuse_missing_power_states}};
}

Capability msi() {
  return {.id = CapabilityId::msi,
          .body = {.size = kMsiSize,
                   .registers = {
                       {.offset = PCI_MSI_FLAGS,
                        .size = 2,
                        .reset = PCI_MSI_FLAGS_64BIT,
                        .writable = PCI_MSI_FLAGS_ENABLE},
                       {.offset = PCI_MSI_ADDRESS_LO, .size = 4, .writable = 0xffff'fffc},
                       {.offset = PCI_MSI_ADDRESS_HI, .size = 4, .writable = 0xffff'ffff},
                       {.offset = PCI_MSI_DATA_64, .size = 2, .writable = 0xffff},
                   }}};
}

Capability msix(const MsixPlacement& placement) {
  return {
      .id = CapabilityId::msi_x,
      .body = {
          .size = kMsixSize,
          .registers = {
              {.offset = PCI_MSIX_FLAGS,
               .size = 2,
               .reset = placement.vectors - 1U,
               .writable = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL},
              {.offset = PCI_MSIX_TABLE, .size = 4, .reset = placement.table | placement.bar},
              {.offset = PCI_MSIX_PBA, .size = 4, .reset = placement.pending_bits | placement.bar},
          }}};
}

ExtendedCapability advanced_error_reporting() {
  return {.id = ExtendedCapabilityId::advanced_error_reporting,
          .version = kErrorReportingVersion,
          .body = {.size = kErrorReportingSize, .registers = error_registers()}};
}

ExtendedCapability root_error_reporting() {
  std::vector<ConfigRegister> registers = error_registers();
  registers.push_back({.offset = PCI_ERR_ROOT_COMMAND, .size = 4, .writable = kRootErrorCommands});
  registers.push_back({.offset = PCI_ERR_ROOT_STATUS,
                       .size = 4,
                       .write_1_to_clear = kRootErrorStatus,
                       .kept_by_flr = kRootErrorStatus});
  return {.id = ExtendedCapabilityId::advanced_error_reporting,
          .version = kErrorReportingVersion,
          .body = {.size = kRootErrorReportingSize, .registers = std::move(registers)}};
}

ExtendedCapability device_serial_number() {
  return {.id = ExtendedCapabilityId::device_serial_number,
          .version = 1,
          .body = {.size = kSerialNumberSize, .registers = {}}};
}

void set_serial_number(ConfigSpace& space, std::uint64_t eui64) {
  const std::size_t base = space.layout().find(ExtendedCapabilityId::device_serial_number);
  if (base != 0) space.set(base + kSerialNumberOffset, 8, eui64);
}

ExtendedCapability alternative_routing_id() {
  return {.id = ExtendedCapabilityId::alternative_routing_id,
          .version = 1,
          .body = {.size = kAlternativeRoutingSize, .registers = {}}};
}

ExtendedCapability single_root_iov(const SriovSettings& settings) {
  const std::uint64_t num_vfs_writable = std::bit_ceil(settings.total_vfs + 1U) - 1;
  return {.id = ExtendedCapabilityId::single_root_iov,
          .version = 1,
          .body = {.size = kSriovSize,
                   .registers =
                       {
                           {.offset = PCI_SRIOV_CAP, .size = 4, .reset = kAriHierarchyPreserved},
                           {.offset = PCI_SRIOV_CTRL, .size = 2, .writable = kSriovControlWritable},
                           {.offset = PCI_SRIOV_INITIAL_VF, .size = 2, .reset = settings.total_vfs},
                           {.offset = PCI_SRIOV_TOTAL_VF, .size = 2, .reset = settings.total_vfs},
                           {.offset = PCI_SRIOV_NUM_VF, .size = 2, .writable = num_vfs_writable},
                           {.offset = PCI_SRIOV_VF_OFFSET, .size = 2, .reset = kFirstVfOffset},
                           {.offset = PCI_SRIOV_VF_STRIDE, .size = 2, .reset = kVfStride},
                           {.offset = PCI_SRIOV_VF_DID, .size = 2, .reset = settings.vf_device},
                           {.offset = PCI_SRIOV_SUP_PGSIZE, .size = 4, .reset = kPageSizes},
                           {.offset = PCI_SRIOV_SYS_PGSIZE,
                            .size = 4,
                            .reset = kPage4KiB,
                            .writable = kPageSizes},
                           bar_register(PCI_SRIOV_BAR, settings.vf_bar0),
                       },
                   .rule = keep_sriov_rules}};
}

}  // namespace mockdev::pci
