// SPDX-License-Identifier: Apache-2.0
// The accelerator: a PCI function, seen by its machine through config space and BAR0, and by the
// person who runs the machine through its condition. A physical function has virtual ones.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "accel/faults.h"
#include "accel/registers.h"
#include "base/error.h"
#include "base/units.h"
#include "base/uuid.h"
#include "mock_accel.h"
#include "pci/config_space.h"
#include "pci/function.h"

namespace mockdev::accel {

/// What a physical function is.
struct Settings {
  Uuid uuid;                   ///< not nil
  ByteCount memory;            ///< 1 byte to DeviceMemory::kMaxSize
  std::uint32_t capabilities;  ///< MOCK_ACCEL_CAP_*
  std::uint16_t vfs = 0;       ///< VFs that it can have, up to MOCK_ACCEL_MAX_VFS
  ByteCount vf_memory{};       ///< of each VF; all of them fit into `memory`
  std::uint16_t vendor = MOCK_ACCEL_PCI_VENDOR;
  std::uint16_t pf_device = MOCK_ACCEL_PCI_DEVICE_PF;
  std::uint16_t vf_device = MOCK_ACCEL_PCI_DEVICE_VF;
};

/// The configuration space of a PF with these ids and this number of VFs, and that of its VFs: one
/// for all that have the same. Thread-safe.
[[nodiscard]] std::shared_ptr<const pci::ConfigLayout> config_layout(const Settings& settings);
[[nodiscard]] std::shared_ptr<const pci::ConfigLayout> vf_config_layout(const Settings& settings);

/// The UUID of a VF: made of its PF's and its number.
[[nodiscard]] Uuid vf_uuid(const Uuid& pf, std::uint16_t vf);

/// A look at an accelerator at one moment.
struct Snapshot {
  Settings settings;
  bool allocated;
  Uuid owner;  ///< nil: none
  Health health;
  std::int32_t temperature;  ///< thousandths of a degree Celsius
  std::uint32_t error_count;
  bool link_down;
  std::vector<std::string_view> faults;  ///< names of those that are on; of a VF, without its PF's
  std::vector<Snapshot> vfs;             ///< those that are enabled, by number
};

/// A function, physical or virtual. Every member may be called from any thread, but claim() and
/// virtual_functions() only by whoever makes the accesses. While a call delivers an interrupt, the
/// sink must not call back.
///
/// A PF owns its VFs, which are there while software has VF Enable set. Each has memory, an owner,
/// an engine and interrupts of its own. What ails the PF ails its VFs, since they are one piece of
/// hardware; a VF may have faults besides, which it has alone.
///
/// Faults are injected by a person or planned by a schedule. The two are kept apart: neither heals
/// what is the other's.
class Accelerator final : public pci::Function {
 public:
  /// Fails on settings that no accelerator can have; the error names the setting.
  [[nodiscard]] static Result<std::unique_ptr<Accelerator>> make(const Settings& settings);

  ~Accelerator() override = default;
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;
  Accelerator(Accelerator&&) = delete;
  Accelerator& operator=(Accelerator&&) = delete;

  void config_read(std::size_t offset, std::span<std::byte> into) override;
  void config_write(std::size_t offset, std::span<const std::byte> data) override;
  [[nodiscard]] const pci::Bars& bars() const override;
  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) override;
  void bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) override;
  [[nodiscard]] std::optional<pci::MemoryTarget> claim(std::uint64_t address) override;
  [[nodiscard]] std::span<Function* const> virtual_functions() override { return enabled_; }
  std::optional<pci::ErrorMessage> record_error(pci::ErrorMessage error) override;
  [[nodiscard]] std::uint16_t msix_vectors() const override { return MOCK_ACCEL_VECTORS; }
  /// Frees the device, wipes its memory and takes its VFs away; faults stay, as does the sink.
  void reset() override;
  /// When this returns, the sink that was set before is not in use any more.
  void set_interrupt_sink(pci::InterruptSink* sink) override;
  void set_machine_memory(pci::MachineMemory* memory) override;

  [[nodiscard]] Snapshot snapshot() const;

  /// Adds and takes away injected faults (fault_kinds()) of this function, or of VF number `vf` of
  /// this PF, which loses them when it goes. Fails where that VF is not enabled. A change of
  /// health, temperature or error count raises MOCK_ACCEL_VECTOR_EVENT.
  [[nodiscard]] Result<void> inject(std::string_view fault, std::optional<double> value,
                                    std::optional<std::uint16_t> vf = std::nullopt);
  [[nodiscard]] Result<void> heal(std::optional<std::string_view> fault,
                                  std::optional<std::uint16_t> vf = std::nullopt);

  /// Has the faults that are planned for this moment be those of `condition`. A VF need not be
  /// enabled: it has them when it comes.
  void set_scheduled(const Condition& condition, std::optional<std::uint16_t> vf = std::nullopt);

 private:
  explicit Accelerator(const Settings& settings);
  Accelerator(const Settings& pf, std::uint16_t vf);

  void show_control();
  void show_enabled_vfs();
  void update_condition();
  void set_pf_condition(const Condition& condition);
  void forget_injected();
  [[nodiscard]] Result<Accelerator*> enabled_vf(std::uint16_t vf) const;

  const Settings settings_;
  State state_;  ///< its lock guards all below, too
  pci::ConfigSpace config_;
  pci::InterruptSink* sink_ = nullptr;

  // All of them together are the condition that software sees.
  Condition injected_;
  Condition scheduled_;
  Condition of_pf_;  ///< of a VF: what ails its PF

  // Of a PF. VFs are made when they are first enabled. Locks are taken in the order PF, VF.
  std::vector<std::unique_ptr<Accelerator>> vfs_;
  std::vector<Function*> enabled_;  ///< the first of them
  std::map<std::uint16_t, Condition> scheduled_vfs_;
};

}  // namespace mockdev::accel
