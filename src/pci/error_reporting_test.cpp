// SPDX-License-Identifier: Apache-2.0
#include "pci/error_reporting.h"

#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include "pci/capabilities.h"
#include "pci/testing.h"

namespace mockdev::pci {
namespace {

constexpr HeaderSettings kAnyHeader{.vendor = 1,
                                    .device = 2,
                                    .subsystem_vendor = 1,
                                    .subsystem = 2,
                                    .class_code = 0,
                                    .revision = 0};
constexpr std::size_t kErrors = 0x100;
constexpr std::size_t kExpressAt = 0x40;

class ErrorReporting : public testing::Test {
 protected:
  static void write(ConfigSpace& space, std::size_t offset, std::size_t size, std::uint64_t value) {
    write_number([&](std::size_t at, std::span<const std::byte> data) { space.write(at, data); },
                 offset, size, value);
  }
  void enable_reports() {
    write(card_, kExpressAt + PCI_EXP_DEVCTL, 2,
          PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE);
  }
  [[nodiscard]] std::uint64_t root_status() const {
    return port_.get(kErrors + PCI_ERR_ROOT_STATUS, 4);
  }

  ConfigSpace card_{ConfigLayoutBuilder(kAnyHeader, Bars{})
                        .add(pci_express_endpoint())
                        .add(advanced_error_reporting())
                        .build()};
  ConfigSpace port_{ConfigLayoutBuilder::bridge(kAnyHeader)
                        .add(pci_express_root_port(1))
                        .add(root_error_reporting())
                        .build()};
};

TEST_F(ErrorReporting, RecordsWhatIsNotReported) {
  EXPECT_EQ(record_error(card_, ErrorMessage::correctable), std::nullopt);
  EXPECT_EQ(record_error(card_, ErrorMessage::fatal), std::nullopt);
  EXPECT_EQ(card_.get(kErrors + PCI_ERR_COR_STATUS, 4), PCI_ERR_COR_RCVR);
  EXPECT_EQ(card_.get(kErrors + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_MALF_TLP);
  EXPECT_EQ(card_.get(kErrors + PCI_ERR_CAP, 4) & 0x1fU, 18) << "the first error";
  EXPECT_EQ(card_.get(kExpressAt + PCI_EXP_DEVSTA, 2), PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_FED);
}

TEST_F(ErrorReporting, SendsMessagesWhereSoftwareWantsThem) {
  enable_reports();
  for (const auto error :
       {ErrorMessage::correctable, ErrorMessage::nonfatal, ErrorMessage::fatal}) {
    EXPECT_EQ(record_error(card_, error), error);
  }
}

TEST_F(ErrorReporting, ObeysMasksAndSeverities) {
  enable_reports();
  write(card_, kErrors + PCI_ERR_COR_MASK, 4, PCI_ERR_COR_RCVR);
  EXPECT_EQ(record_error(card_, ErrorMessage::correctable), std::nullopt);
  write(card_, kErrors + PCI_ERR_UNCOR_SEVER, 4, PCI_ERR_UNC_COMP_ABORT);
  EXPECT_EQ(record_error(card_, ErrorMessage::nonfatal), ErrorMessage::fatal);
  EXPECT_EQ(record_error(card_, ErrorMessage::fatal), ErrorMessage::nonfatal);
}

TEST_F(ErrorReporting, NamesTheFirstSourceAtThePort) {
  EXPECT_FALSE(receive_error(port_, ErrorMessage::correctable, 0x100)) << "not enabled";
  write(port_, kErrors + PCI_ERR_ROOT_COMMAND, 4,
        PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_FATAL_EN);
  EXPECT_TRUE(receive_error(port_, ErrorMessage::correctable, 0x200));
  EXPECT_EQ(root_status(), PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_MULTI_COR_RCV);
  EXPECT_EQ(port_.get(kErrors + PCI_ERR_ROOT_ERR_SRC, 4), 0x100);
  write(port_, kErrors + PCI_ERR_ROOT_STATUS, 4, 0xffff'ffff);
  EXPECT_EQ(root_status(), 0);
  EXPECT_TRUE(receive_error(port_, ErrorMessage::fatal, 0x300));
  EXPECT_FALSE(receive_error(port_, ErrorMessage::nonfatal, 0x400)) << "not enabled";
  EXPECT_EQ(root_status(), PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_MULTI_UNCOR_RCV |
                               PCI_ERR_ROOT_FIRST_FATAL | PCI_ERR_ROOT_FATAL_RCV |
                               PCI_ERR_ROOT_NONFATAL_RCV);
  EXPECT_EQ(port_.get(kErrors + PCI_ERR_ROOT_ERR_SRC + 2, 2), 0x300);
}

}  // namespace
}  // namespace mockdev::pci
