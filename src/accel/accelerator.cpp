// SPDX-License-Identifier: Apache-2.0
#include "accel/accelerator.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "accel/capabilities.h"
#include "pci/capabilities.h"
#include "pci/little_endian.h"

namespace mockdev::accel {
namespace {

constexpr std::uint8_t kRevision = 1;

constexpr pci::Bar kBar{
    .size = ByteCount{MOCK_ACCEL_BAR_SIZE}, .is_64bit = true, .prefetchable = true};
constexpr pci::Bars kBars = {kBar};

constexpr pci::MsixPlacement kMsix{.vectors = MOCK_ACCEL_VECTORS,
                                   .bar = MOCK_ACCEL_BAR,
                                   .table = MOCK_ACCEL_MSIX_TABLE,
                                   .pending_bits = MOCK_ACCEL_MSIX_PBA};

std::shared_ptr<const pci::ConfigLayout> build_layout(const Settings& settings) {
  pci::ConfigLayoutBuilder builder({.vendor = settings.vendor,
                                    .device = settings.pf_device,
                                    .subsystem_vendor = settings.vendor,
                                    .subsystem = settings.pf_device,
                                    .class_code = MOCK_ACCEL_PCI_CLASS,
                                    .revision = kRevision},
                                   kBars);
  builder.add(pci::pci_express_endpoint())
      .add(pci::power_management())
      .add(pci::msix(kMsix))
      .add(pci::advanced_error_reporting())
      .add(pci::device_serial_number())
      .add(pci::alternative_routing_id());
  if (settings.vfs > 0) {
    builder.add(pci::single_root_iov(
        {.total_vfs = settings.vfs, .vf_device = settings.vf_device, .vf_bar0 = kBar}));
  }
  return builder.build();
}

/// 64 bits that differ between any two UUIDs, also between hand-made ones that are nearly the same.
std::uint64_t serial_number(const Uuid& uuid) {
  const Uuid hash = uuid_of_name("serial number of " + to_string(uuid));
  return pci::load_little_endian(std::span(hash.bytes()).first(8));
}

std::uint32_t known_capabilities() {
  std::uint32_t bits = 0;
  for (const Capability& capability : kCapabilities) bits |= capability.bit;
  return bits;
}

Result<void> check(const Settings& settings) {
  if (settings.uuid.is_nil()) return fail("uuid: {} identifies nothing", settings.uuid);
  if (settings.memory == 0_B || settings.memory > DeviceMemory::kMaxSize) {
    return fail("memory: {} is not between 1 B and {}", settings.memory, DeviceMemory::kMaxSize);
  }
  if (settings.vfs > MOCK_ACCEL_MAX_VFS) {
    return fail("vfs: {} is more than the {} that a PF can have", settings.vfs, MOCK_ACCEL_MAX_VFS);
  }
  if (const std::uint32_t unknown = settings.capabilities & ~known_capabilities(); unknown != 0) {
    return fail("capabilities: {:#x} are bits without a meaning", unknown);
  }
  return {};
}

/// What of a condition software can see.
auto visible(const Condition& condition) {
  return std::tuple(condition.health(), condition.temperature(), condition.errors);
}

}  // namespace

std::shared_ptr<const pci::ConfigLayout> config_layout(const Settings& settings) {
  using Kind = std::tuple<std::uint16_t, std::uint16_t, std::uint16_t, std::uint16_t>;
  static std::mutex mutex;
  static std::map<Kind, std::shared_ptr<const pci::ConfigLayout>> layouts;

  const std::scoped_lock lock(mutex);
  auto& layout = layouts[{settings.vendor, settings.pf_device, settings.vf_device, settings.vfs}];
  if (!layout) layout = build_layout(settings);
  return layout;
}

Result<std::unique_ptr<Accelerator>> Accelerator::make(const Settings& settings) {
  if (auto checked = check(settings); !checked) return std::unexpected(checked.error());
  return std::unique_ptr<Accelerator>(new Accelerator(settings));
}

Accelerator::Accelerator(const Settings& settings)
    : settings_(settings),
      config_(config_layout(settings)),
      state_(settings.uuid, settings.memory, settings.capabilities) {
  pci::set_serial_number(config_, serial_number(settings.uuid));
}

void Accelerator::config_read(std::size_t offset, std::span<std::byte> into) {
  const std::scoped_lock lock(mutex_);
  config_.read(offset, into);
}

void Accelerator::config_write(std::size_t offset, std::span<const std::byte> data) {
  const std::scoped_lock lock(mutex_);
  if (config_.write(offset, data) == pci::ConfigEffect::function_level_reset) state_.reset();
  state_.msix.set_control(pci::msix_control(config_));
}

const pci::Bars& Accelerator::bars() const {
  return kBars;
}

void Accelerator::bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) {
  if (bar != MOCK_ACCEL_BAR) {
    std::ranges::fill(into, std::byte{0});
    return;
  }
  const std::scoped_lock lock(mutex_);
  read_registers(state_, offset, into);
}

void Accelerator::bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) {
  if (bar != MOCK_ACCEL_BAR) return;
  const std::scoped_lock lock(mutex_);
  write_registers(state_, offset, data);
}

void Accelerator::reset() {
  const std::scoped_lock lock(mutex_);
  config_.reset();
  state_.reset();
}

void Accelerator::set_interrupt_sink(pci::InterruptSink* sink) {
  const std::scoped_lock lock(mutex_);
  state_.msix.set_sink(sink);
}

Snapshot Accelerator::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return {.settings = settings_,
          .allocated = state_.allocated,
          .owner = state_.owner,
          .health = state_.condition.health(),
          .temperature = state_.condition.temperature(),
          .error_count = state_.condition.errors,
          .faults = active_faults(state_.condition)};
}

Result<void> Accelerator::inject(std::string_view fault, std::optional<double> value) {
  return change_condition(
      [&](Condition& condition) { return inject_fault(condition, fault, value); });
}

Result<void> Accelerator::heal(std::optional<std::string_view> fault) {
  return change_condition([&](Condition& condition) { return heal_fault(condition, fault); });
}

template <typename Change>
Result<void> Accelerator::change_condition(Change change) {
  const std::scoped_lock lock(mutex_);
  const auto before = visible(state_.condition);
  auto changed = change(state_.condition);
  if (visible(state_.condition) != before) state_.msix.raise(MOCK_ACCEL_VECTOR_EVENT);
  return changed;
}

}  // namespace mockdev::accel
