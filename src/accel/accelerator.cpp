// SPDX-License-Identifier: Apache-2.0
#include "accel/accelerator.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "accel/capabilities.h"
#include "pci/capabilities.h"
#include "pci/decode.h"
#include "pci/error_reporting.h"
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

// A VF reads as all ones where its PF's SR-IOV capability has its ids (PCIe 6.0 §9.3.4.1.1).
constexpr std::uint16_t kIdOfVf = 0xffff;

pci::HeaderSettings header(const Settings& settings) {
  return {.vendor = settings.vendor,
          .device = settings.pf_device,
          .subsystem_vendor = settings.vendor,
          .subsystem = settings.pf_device,
          .class_code = MOCK_ACCEL_PCI_CLASS,
          .revision = kRevision};
}

std::shared_ptr<const pci::ConfigLayout> build_layout(const Settings& settings) {
  pci::ConfigLayoutBuilder builder(header(settings), kBars);
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

/// A VF's BARs and Memory Space Enable are in its PF (§9.3.4.1).
std::shared_ptr<const pci::ConfigLayout> build_vf_layout(const Settings& settings) {
  pci::HeaderSettings ids = header(settings);
  ids.vendor = kIdOfVf;
  ids.device = kIdOfVf;
  return pci::ConfigLayoutBuilder(ids, pci::Bars{})
      .add(pci::pci_express_endpoint())
      .add(pci::power_management())
      .add(pci::msix(kMsix))
      .add(pci::alternative_routing_id())
      .build();
}

/// One layout for all settings that `build` makes the same of.
class Layouts {
 public:
  using Build = std::shared_ptr<const pci::ConfigLayout> (*)(const Settings&);

  explicit Layouts(Build build) : build_(build) {}

  std::shared_ptr<const pci::ConfigLayout> of(const Settings& settings) {
    const std::scoped_lock lock(mutex_);
    auto& layout =
        layouts_[{settings.vendor, settings.pf_device, settings.vf_device, settings.vfs}];
    if (!layout) layout = build_(settings);
    return layout;
  }

 private:
  using Kind = std::tuple<std::uint16_t, std::uint16_t, std::uint16_t, std::uint16_t>;

  Build build_;
  std::mutex mutex_;
  std::map<Kind, std::shared_ptr<const pci::ConfigLayout>> layouts_;
};

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
  if (settings.vf_memory.value() > settings.memory.value() / std::max<unsigned>(settings.vfs, 1)) {
    return fail("vf_memory: {} VFs of {} are more than {}", settings.vfs, settings.vf_memory,
                settings.memory);
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
  static Layouts layouts(build_layout);
  return layouts.of(settings);
}

std::shared_ptr<const pci::ConfigLayout> vf_config_layout(const Settings& settings) {
  static Layouts layouts(build_vf_layout);
  return layouts.of(settings);
}

Uuid vf_uuid(const Uuid& pf, std::uint16_t vf) {
  return uuid_of_name(fmt::format("VF {} of {}", vf, pf));
}

Result<std::unique_ptr<Accelerator>> Accelerator::make(const Settings& settings) {
  if (auto checked = check(settings); !checked) return std::unexpected(checked.error());
  return std::unique_ptr<Accelerator>(new Accelerator(settings));
}

Accelerator::Accelerator(const Settings& settings)
    : settings_(settings),
      state_(settings.uuid, settings.memory, settings.capabilities),
      config_(config_layout(settings)) {
  pci::set_serial_number(config_, serial_number(settings.uuid));
}

Accelerator::Accelerator(const Settings& pf, std::uint16_t vf)
    : settings_{.uuid = vf_uuid(pf.uuid, vf),
                .memory = pf.vf_memory,
                .capabilities = pf.capabilities,
                .vfs = 0,
                .vf_memory = {},
                .vendor = pf.vendor,
                .pf_device = pf.pf_device,
                .vf_device = pf.vf_device},
      state_(settings_.uuid, settings_.memory, settings_.capabilities, vf),
      config_(vf_config_layout(pf)) {}

void Accelerator::config_read(std::size_t offset, std::span<std::byte> into) {
  const std::scoped_lock lock(state_.lock);
  config_.read(offset, into);
}

void Accelerator::config_write(std::size_t offset, std::span<const std::byte> data) {
  const std::scoped_lock lock(state_.lock);
  if (config_.write(offset, data) == pci::ConfigEffect::function_level_reset) state_.reset();
  show_control();
  show_enabled_vfs();
}

/// Tells those who act by themselves what the configuration space lets them do.
void Accelerator::show_control() {
  state_.msix.set_control(pci::msix_control(config_));
  state_.engine.set_bus_master(pci::may_master(config_));
}

/// Makes the VFs those that the configuration space says. Any that come or go start anew.
void Accelerator::show_enabled_vfs() {
  const std::uint16_t wanted = pci::enabled_vfs(config_);
  if (wanted == enabled_.size()) return;
  for (std::size_t vf = 0; vf < enabled_.size(); ++vf) {
    vfs_[vf]->reset();
    vfs_[vf]->forget_injected();
  }
  enabled_.clear();
  for (std::uint16_t vf = 0; vf < wanted; ++vf) {
    if (vf == vfs_.size()) {
      vfs_.push_back(std::unique_ptr<Accelerator>(new Accelerator(settings_, vf)));
      vfs_[vf]->set_pf_condition(state_.condition);
      vfs_[vf]->set_scheduled(scheduled_vfs_[vf]);
      vfs_[vf]->set_interrupt_sink(sink_);
      vfs_[vf]->set_machine_memory(state_.engine.machine_memory());
    }
    enabled_.push_back(vfs_[vf].get());
  }
}

const pci::Bars& Accelerator::bars() const {
  return kBars;
}

void Accelerator::bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) {
  if (bar != MOCK_ACCEL_BAR) {
    std::ranges::fill(into, std::byte{0});
    return;
  }
  const std::scoped_lock lock(state_.lock);
  read_registers(state_, offset, into);
}

void Accelerator::bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) {
  if (bar != MOCK_ACCEL_BAR) return;
  const std::scoped_lock lock(state_.lock);
  write_registers(state_, offset, data);
}

std::optional<pci::MemoryTarget> Accelerator::claim(std::uint64_t address) {
  const std::scoped_lock lock(state_.lock);
  if (const auto own = pci::decode(config_, kBars, address)) {
    return pci::MemoryTarget{.function = this, .bar = own->bar, .offset = own->offset};
  }
  if (const auto of_vf = pci::decode_vf(config_, kBar.size, address)) {
    return pci::MemoryTarget{
        .function = enabled_[of_vf->vf], .bar = MOCK_ACCEL_BAR, .offset = of_vf->offset};
  }
  return {};
}

std::optional<pci::ErrorMessage> Accelerator::record_error(pci::ErrorMessage error) {
  const std::scoped_lock lock(state_.lock);
  return pci::record_error(config_, error);
}

void Accelerator::reset() {
  const std::scoped_lock lock(state_.lock);
  config_.reset();
  state_.reset();
  show_enabled_vfs();
}

void Accelerator::set_interrupt_sink(pci::InterruptSink* sink) {
  const std::scoped_lock lock(state_.lock);
  sink_ = sink;
  state_.msix.set_sink(sink);
  for (const auto& vf : vfs_) vf->set_interrupt_sink(sink);
}

void Accelerator::set_machine_memory(pci::MachineMemory* memory) {
  std::unique_lock lock(state_.lock);
  for (const auto& vf : vfs_) vf->set_machine_memory(memory);
  state_.engine.set_machine_memory(lock, memory);
}

Snapshot Accelerator::snapshot() const {
  const std::scoped_lock lock(state_.lock);
  std::vector<Snapshot> vfs;
  for (std::size_t vf = 0; vf < enabled_.size(); ++vf) vfs.push_back(vfs_[vf]->snapshot());
  return {.settings = settings_,
          .allocated = state_.allocated,
          .owner = state_.owner,
          .health = state_.condition.health(),
          .temperature = state_.condition.temperature(),
          .error_count = state_.condition.errors,
          .link_down = state_.condition.link_down,
          .faults = active_faults(combined(injected_, scheduled_)),
          .vfs = std::move(vfs)};
}

Result<void> Accelerator::inject(std::string_view fault, std::optional<double> value,
                                 std::optional<std::uint16_t> vf) {
  const std::scoped_lock lock(state_.lock);
  if (vf) {
    const auto found = enabled_vf(*vf);
    return found ? (*found)->inject(fault, value) : std::unexpected(found.error());
  }
  if (auto injected = inject_fault(injected_, fault, value); !injected) return injected;
  update_condition();
  return {};
}

Result<void> Accelerator::heal(std::optional<std::string_view> fault,
                               std::optional<std::uint16_t> vf) {
  const std::scoped_lock lock(state_.lock);
  if (vf) {
    const auto found = enabled_vf(*vf);
    return found ? (*found)->heal(fault) : std::unexpected(found.error());
  }
  if (auto healed = heal_fault(injected_, fault); !healed) return healed;
  update_condition();
  return {};
}

void Accelerator::set_scheduled(const Condition& condition, std::optional<std::uint16_t> vf) {
  const std::scoped_lock lock(state_.lock);
  if (!vf) {
    scheduled_ = condition;
    update_condition();
    return;
  }
  scheduled_vfs_[*vf] = condition;
  if (*vf < vfs_.size()) vfs_[*vf]->set_scheduled(condition);
}

Result<Accelerator*> Accelerator::enabled_vf(std::uint16_t vf) const {
  if (vf < enabled_.size()) return vfs_[vf].get();
  return fail("VF {} is not there: {} are enabled", vf, enabled_.size());
}

/// Of a VF: what ails its PF.
void Accelerator::set_pf_condition(const Condition& condition) {
  const std::scoped_lock lock(state_.lock);
  of_pf_ = condition;
  update_condition();
}

void Accelerator::forget_injected() {
  const std::scoped_lock lock(state_.lock);
  injected_ = {};
  update_condition();
}

/// With the lock held: makes the condition what all faults together say, and tells software if it
/// shows.
void Accelerator::update_condition() {
  const auto before = visible(state_.condition);
  state_.condition = combined(of_pf_, combined(injected_, scheduled_));
  if (visible(state_.condition) != before) state_.msix.raise(MOCK_ACCEL_VECTOR_EVENT);
  state_.engine.condition_changed();
  for (const auto& vf : vfs_) vf->set_pf_condition(state_.condition);
}

}  // namespace mockdev::accel
