// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge.h"

#include <algorithm>
#include <array>
#include <bit>

#include "pci/capabilities.h"
#include "pci/decode.h"
#include "pci/little_endian.h"

namespace mockdev::fabric {
namespace {

constexpr std::uint8_t kRevision = 1;

constexpr ByteCount kEcamOfBus = 1_MiB;
/// Of the segment for each port. Linux wants 2 MiB of each kind of memory for a slot that may be
/// empty, and 1 MiB more for the card that is there.
constexpr ByteCount kWindowOfPort = 8_MiB;

/// A power of two, as a BAR has to be.
ByteCount times(ByteCount size, unsigned count) {
  return ByteCount{size.value() * std::bit_ceil(count)};
}

pci::Bars make_bars(unsigned buses) {
  pci::Bars bars{};
  bars.at(MOCK_FABRIC_BAR_CONFIG) = {
      .size = times(kEcamOfBus, buses), .is_64bit = true, .prefetchable = true};
  bars.at(MOCK_FABRIC_BAR_WINDOW) = {
      .size = times(kWindowOfPort, buses - 1), .is_64bit = true, .prefetchable = true};
  // Reading its registers changes them, so it is not prefetchable.
  bars.at(MOCK_FABRIC_BAR_REGISTERS) = {.size = ByteCount{MOCK_FABRIC_REGISTERS_SIZE}};
  return bars;
}

std::shared_ptr<const pci::ConfigLayout> bridge_layout(const Settings& settings,
                                                       const pci::Bars& bars) {
  return pci::ConfigLayoutBuilder({.vendor = settings.vendor,
                                   .device = settings.device,
                                   .subsystem_vendor = settings.vendor,
                                   .subsystem = settings.device,
                                   .class_code = MOCK_FABRIC_PCI_CLASS,
                                   .revision = kRevision},
                                  bars)
      .add(pci::pci_express_endpoint())
      .add(pci::power_management())
      .add(pci::msix({.vectors = MOCK_FABRIC_VECTORS,
                      .bar = MOCK_FABRIC_BAR_REGISTERS,
                      .table = MOCK_FABRIC_MSIX_TABLE,
                      .pending_bits = MOCK_FABRIC_MSIX_PBA}))
      .build();
}

// --- Registers below PENDING ---------------------------------------------------------------------

constexpr std::size_t kPlainRegisters = MOCK_FABRIC_REG_WINDOW + 8;
using PlainRegisters = std::array<std::byte, kPlainRegisters>;

template <typename Number>
void put(PlainRegisters& registers, std::size_t offset, Number value) {
  pci::store_little_endian(value, std::span(registers).subspan(offset, sizeof(Number)));
}

template <typename Number>
Number get(const PlainRegisters& registers, std::size_t offset) {
  return static_cast<Number>(
      pci::load_little_endian(std::span(registers).subspan(offset, sizeof(Number))));
}

/// The bytes of an access that lie in `size` bytes of registers from `start` on.
template <typename Bytes>
struct Part {
  std::size_t offset;  ///< from `start`
  Bytes bytes;         ///< of the access; none: it lies elsewhere
};

template <typename Bytes>
Part<Bytes> part_of(std::uint64_t offset, Bytes bytes, std::uint64_t start, std::size_t size) {
  const std::uint64_t first = std::max(offset, start);
  const std::uint64_t end = std::min(offset + bytes.size(), start + size);
  if (first >= end) return {.offset = 0, .bytes = {}};
  return {.offset = first - start, .bytes = bytes.subspan(first - offset, end - first)};
}

}  // namespace

Bridge::Bridge(const Settings& settings, std::span<const Slot> slots)
    : settings_(settings),
      slots_(slots.begin(), slots.end()),
      segment_(settings.vendor, settings.port_device, slots, interrupts_),
      bars_(make_bars(segment_.buses())),
      config_(bridge_layout(settings, bars_)) {
  for (const Slot& slot : slots_) slot.card->set_interrupt_sink(&interrupts_);
}

Bridge::~Bridge() {
  for (const Slot& slot : slots_) {
    slot.card->set_interrupt_sink(nullptr);
    slot.card->set_machine_memory(nullptr);
  }
}

void Bridge::config_read(std::size_t offset, std::span<std::byte> into) {
  const std::scoped_lock lock(mutex_);
  config_.read(offset, into);
}

void Bridge::config_write(std::size_t offset, std::span<const std::byte> data) {
  const std::scoped_lock lock(mutex_);
  if (config_.write(offset, data) == pci::ConfigEffect::function_level_reset) {
    reset_all_but_config();
  }
  interrupts_.set_control(pci::msix_control(config_));
}

void Bridge::bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> into) {
  const std::scoped_lock lock(mutex_);
  switch (bar) {
    case MOCK_FABRIC_BAR_CONFIG:
      return segment_.config_read(offset, into);
    case MOCK_FABRIC_BAR_WINDOW:
      return segment_.memory_read(window_ + offset, into);
    default:
      return read_registers(offset, into);
  }
}

void Bridge::bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> data) {
  const std::scoped_lock lock(mutex_);
  switch (bar) {
    case MOCK_FABRIC_BAR_CONFIG:
      return segment_.config_write(offset, data);
    case MOCK_FABRIC_BAR_WINDOW:
      return segment_.memory_write(window_ + offset, data);
    default:
      return write_registers(offset, data);
  }
}

std::optional<pci::MemoryTarget> Bridge::claim(std::uint64_t address) {
  const std::scoped_lock lock(mutex_);
  const auto place = pci::decode(config_, bars_, address);
  if (!place) return {};
  return pci::MemoryTarget{.function = this, .bar = place->bar, .offset = place->offset};
}

void Bridge::reset() {
  const std::scoped_lock lock(mutex_);
  config_.reset();
  reset_all_but_config();
}

void Bridge::reset_all_but_config() {
  interrupts_.reset();
  segment_.reset();
  window_ = 0;
}

void Bridge::set_interrupt_sink(pci::InterruptSink* sink) {
  interrupts_.set_bridge_sink(sink);
}

void Bridge::set_machine_memory(pci::MachineMemory* memory) {
  // Without the lock: this may wait for a request to end, and accesses must not wait for it.
  for (const Slot& slot : slots_) slot.card->set_machine_memory(memory);
}

Result<void> Bridge::plug(unsigned slot) {
  const std::scoped_lock lock(mutex_);
  return segment_.plug(slot);
}

Result<void> Bridge::unplug(unsigned slot) {
  const std::scoped_lock lock(mutex_);
  return segment_.unplug(slot);
}

Result<void> Bridge::set_link(unsigned slot, bool works) {
  const std::scoped_lock lock(mutex_);
  return segment_.set_link(slot, works);
}

Result<void> Bridge::report_error(unsigned slot, pci::ErrorMessage error) {
  const std::scoped_lock lock(mutex_);
  return segment_.report_error(slot, error);
}

bool Bridge::plugged(unsigned slot) const {
  const std::scoped_lock lock(mutex_);
  return segment_.plugged(slot);
}

void Bridge::read_registers(std::uint64_t offset, std::span<std::byte> into) {
  std::ranges::fill(into, std::byte{0});

  PlainRegisters registers{};
  put(registers, MOCK_FABRIC_REG_MAGIC, std::uint32_t{MOCK_FABRIC_MAGIC});
  put(registers, MOCK_FABRIC_REG_ABI, std::uint32_t{MOCK_FABRIC_ABI_VERSION});
  put(registers, MOCK_FABRIC_REG_BUSES, std::uint32_t{segment_.buses()});
  put(registers, MOCK_FABRIC_REG_SEGMENT, std::uint32_t{settings_.segment});
  put(registers, MOCK_FABRIC_REG_VECTORS, interrupts_.vectors());
  put(registers, MOCK_FABRIC_REG_WINDOW, window_);
  const auto plain = part_of(offset, into, 0, kPlainRegisters);
  std::ranges::copy(std::span(registers).subspan(plain.offset, plain.bytes.size()),
                    plain.bytes.begin());

  const auto pending = part_of(offset, into, MOCK_FABRIC_REG_PENDING, Interrupts::kPendingSize);
  interrupts_.take(pending.offset, pending.bytes);
}

void Bridge::write_registers(std::uint64_t offset, std::span<const std::byte> data) {
  PlainRegisters registers{};
  put(registers, MOCK_FABRIC_REG_VECTORS, interrupts_.vectors());
  put(registers, MOCK_FABRIC_REG_WINDOW, window_);
  const auto plain = part_of(offset, data, 0, kPlainRegisters);
  std::ranges::copy(plain.bytes, std::span(registers).subspan(plain.offset).begin());

  window_ = get<std::uint64_t>(registers, MOCK_FABRIC_REG_WINDOW);
  const bool names_vectors =
      !part_of(offset, data, MOCK_FABRIC_REG_VECTORS, sizeof(std::uint32_t)).bytes.empty();
  if (names_vectors) {
    interrupts_.set_vectors(get<std::uint32_t>(registers, MOCK_FABRIC_REG_VECTORS));
  }
}

}  // namespace mockdev::fabric
