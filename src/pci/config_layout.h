// SPDX-License-Identifier: Apache-2.0
// What the configuration space of one kind of function looks like: reset values, what may be
// written, where the capabilities are. Immutable, and shared by all functions of that kind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pci/function.h"

namespace mockdev::pci {

class ConfigSpace;

/// One register: a row of the header or of a capability. Bits that are in neither `writable` nor
/// `write_1_to_clear` are read-only.
struct ConfigRegister {
  std::uint16_t offset = 0;            ///< from the start of the header or capability
  std::uint8_t size = 0;               ///< bytes, 1 to 8
  std::uint64_t reset = 0;             ///< value after a fundamental reset
  std::uint64_t writable = 0;          ///< bits that take what is written
  std::uint64_t write_1_to_clear = 0;  ///< bits that a written 1 clears
  std::uint64_t kept_by_flr = 0;       ///< bits that a function-level reset leaves (§6.6.2)
};

/// What a write to a capability set off, beyond the change of its registers.
enum class ConfigEffect : std::uint8_t {
  none,
  function_level_reset,  ///< the space is reset already, the rest of the function has to follow
};

/// A doubleword that was just written, within the masks.
struct WrittenDword {
  std::size_t offset;    ///< from the start of the capability
  std::uint32_t before;  ///< its value before the write
};

/// What a capability demands of writes beyond its masks. Called after every write of a doubleword
/// of the capability, which starts at `base`; puts values right that the standard does not allow.
using WriteRule = ConfigEffect (*)(ConfigSpace& space, std::size_t base, WrittenDword written);

/// Capabilities of the first 256 bytes (PCI Code and ID Assignment, chapter 2).
enum class CapabilityId : std::uint8_t {
  power_management = 0x01,
  msi = 0x05,
  pci_express = 0x10,
  msi_x = 0x11,
};

/// Capabilities of the extended space (chapter 3).
enum class ExtendedCapabilityId : std::uint16_t {
  advanced_error_reporting = 0x0001,
  device_serial_number = 0x0003,
  alternative_routing_id = 0x000e,
  single_root_iov = 0x0010,
};

/// A capability as a value. Its header (id, version, next) is the layout's business, so that
/// `registers` start behind it: at offset 2 or, in the extended space, 4.
struct CapabilityBody {
  std::uint16_t size = 0;  ///< bytes, with the header
  std::vector<ConfigRegister> registers;
  WriteRule rule = nullptr;
};

struct Capability {
  CapabilityId id{};
  CapabilityBody body;
};

struct ExtendedCapability {
  ExtendedCapabilityId id{};
  std::uint8_t version = 1;
  CapabilityBody body;
};

/// What tells one kind of function from another in its header (PCIe 6.0 §7.5.1).
struct HeaderSettings {
  std::uint16_t vendor;
  std::uint16_t device;
  std::uint16_t subsystem_vendor;
  std::uint16_t subsystem;
  std::uint32_t class_code;  ///< 24 bits: base class, sub-class, programming interface
  std::uint8_t revision;
};

class ConfigLayout {
 public:
  /// One value for each byte of the space.
  using Bytes = std::array<std::byte, kConfigSize>;

  /// Values after a fundamental reset, and by bit: takes what is written, is cleared by a written
  /// 1, survives a function-level reset.
  [[nodiscard]] const Bytes& reset() const { return reset_; }
  [[nodiscard]] const Bytes& writable() const { return writable_; }
  [[nodiscard]] const Bytes& write_1_to_clear() const { return write_1_to_clear_; }
  [[nodiscard]] const Bytes& kept_by_flr() const { return kept_by_flr_; }

  /// Where a capability starts; 0: the function has none of this kind.
  [[nodiscard]] std::size_t find(CapabilityId id) const;
  [[nodiscard]] std::size_t find(ExtendedCapabilityId id) const;

  /// The rule for writes to the byte at `offset`, with the start of its capability; none: nullptr.
  struct PlacedRule {
    WriteRule rule = nullptr;
    std::size_t base = 0;
  };
  [[nodiscard]] PlacedRule rule_at(std::size_t offset) const;

 private:
  friend class ConfigLayoutBuilder;

  struct Placed {
    std::uint16_t id;
    std::uint16_t base;
    std::uint16_t size;
    WriteRule rule;
  };

  Bytes reset_{};
  Bytes writable_{};
  Bytes write_1_to_clear_{};
  Bytes kept_by_flr_{};
  std::vector<Placed> capabilities_;
};

/// Puts a layout together. Capabilities are chained in the order in which they are added, from
/// 0x40 and 0x100 on, each at a multiple of 16.
///
/// The first extended capability stays visible to a guest whatever its machine hides; a machine
/// that hides one (QEMU: ARI and SR-IOV) leaves a null capability if that one came first.
///
/// Capabilities are constants of the program: one that does not fit ends it.
class ConfigLayoutBuilder {
 public:
  /// A function with a type 0 header.
  ConfigLayoutBuilder(const HeaderSettings& header, const Bars& bars);

  /// A bridge with a type 1 header (§7.5.1.3), without BARs and without a window of I/O ports. Its
  /// windows of memory are closed after a reset: where they were at 0, software would take them for
  /// set up. A type 1 header has no place for the subsystem's ids.
  [[nodiscard]] static ConfigLayoutBuilder bridge(const HeaderSettings& header);

  ConfigLayoutBuilder& add(const Capability& capability);
  ConfigLayoutBuilder& add(const ExtendedCapability& capability);

  /// The finished layout; the builder is used up.
  [[nodiscard]] std::shared_ptr<const ConfigLayout> build();

 private:
  ConfigLayoutBuilder();

  void place(std::size_t base, std::span<const ConfigRegister> registers);
  void record(std::uint16_t id, std::size_t base, const CapabilityBody& body);

  std::shared_ptr<ConfigLayout> layout_;
  std::size_t next_base_;
  std::size_t next_extended_base_;
  // NOLINTNEXTLINE(*-use-default-member-init): its start is a constant that the source knows
  std::size_t link_;               ///< the byte that points to the next capability
  std::size_t extended_link_ = 0;  ///< the header that points to the next one; 0: none yet
};

/// The register of a BAR at `offset`: its type bits, and address bits from the size on. One of 64
/// bits takes eight bytes.
[[nodiscard]] ConfigRegister bar_register(std::uint16_t offset, const Bar& bar);

}  // namespace mockdev::pci
