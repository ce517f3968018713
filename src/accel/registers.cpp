// SPDX-License-Identifier: Apache-2.0
#include "accel/registers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "accel/passphrase.h"
#include "pci/little_endian.h"

namespace mockdev::accel {
namespace {

using pci::load_little_endian;
using pci::store_little_endian;
using Into = std::span<std::byte>;
using Value = std::span<const std::byte>;

constexpr std::uint32_t kFirmwareVersion = 0x01000000;  // 1.0.0

/// The number in a register of four bytes.
std::uint32_t word(Value value) {
  return static_cast<std::uint32_t>(load_little_endian(value));
}

constexpr std::size_t kMsixTableSize = MOCK_ACCEL_VECTORS * pci::Msix::kEntrySize;
constexpr std::size_t kMsixPendingSize = 8;

// --- Allocation ----------------------------------------------------------------------------------

/// What one owner leaves must not reach the next.
void wipe_owners_data(State& state) {
  state.memory->retire();
  const ByteCount size = state.memory->size();
  state.engine.release(std::exchange(state.memory, std::make_shared<DeviceMemory>(size)));
  state.passphrase.text.clear();
  state.passphrase.status = MOCK_ACCEL_PASSPHRASE_STATUS_IDLE;
}

void set_allocation(State& state, bool allocated, const Uuid& owner) {
  const bool freed = state.allocated && !allocated;
  if (freed || owner != state.owner) wipe_owners_data(state);
  state.allocated = allocated;
  state.owner = owner;
}

void write_owner(State& state, Value value) {
  Uuid::Bytes bytes;
  std::ranges::copy(value, bytes.begin());
  const Uuid owner(bytes);
  set_allocation(state, !owner.is_nil(), owner);
}

void write_status(State& state, Value value) {
  const bool allocated = (load_little_endian(value) & MOCK_ACCEL_STATUS_ALLOCATED) != 0;
  set_allocation(state, allocated, allocated ? state.owner : Uuid{});
}

// --- Passphrase ----------------------------------------------------------------------------------

void generate_passphrase(State::Passphrase& unit) {
  Result<std::string> text = make_passphrase(unit.length);
  if (!text) {
    unit.status = MOCK_ACCEL_PASSPHRASE_STATUS_ERROR;
    return;
  }
  unit.text = *std::move(text);
  unit.status = MOCK_ACCEL_PASSPHRASE_STATUS_READY;
  ++unit.count;
}

void write_passphrase_command(State& state, Value value) {
  // One byte counts, so that a command written byte by byte is carried out once.
  switch (std::to_integer<unsigned>(value.front())) {
    case MOCK_ACCEL_PASSPHRASE_GENERATE:
      generate_passphrase(state.passphrase);
      break;
    case MOCK_ACCEL_PASSPHRASE_CLEAR:
      state.passphrase.text.clear();
      state.passphrase.status = MOCK_ACCEL_PASSPHRASE_STATUS_IDLE;
      break;
    default:
      break;
  }
}

// --- The table -----------------------------------------------------------------------------------

template <std::uint32_t kValue>
void read_constant(const State& /*state*/, Into into) {
  store_little_endian(kValue, into);
}

constexpr auto kRegisters = std::to_array<Register>({
    {MOCK_ACCEL_REG_DEVICE_ID, 4, "DEVICE_ID", Access::read_only, "0x4b434f4d, \"MOCK\"",
     read_constant<MOCK_ACCEL_MAGIC>, nullptr},
    {MOCK_ACCEL_REG_REVISION, 4, "REVISION", Access::read_only, "hardware revision, 16.16",
     read_constant<MOCK_ACCEL_REVISION>, nullptr},
    {MOCK_ACCEL_REG_UUID, 16, "UUID", Access::read_only, "identity, bytes in RFC 9562 order",
     [](const State& state, Into into) { std::ranges::copy(state.uuid.bytes(), into.begin()); },
     nullptr},
    {MOCK_ACCEL_REG_FUNCTION, 4, "FUNCTION", Access::read_only,
     "bit 0: a VF; 31:16: its number, from 0",
     [](const State& state, Into into) {
       if (state.vf) {
         store_little_endian(
             MOCK_ACCEL_FUNCTION_VF | (std::uint32_t{*state.vf} << MOCK_ACCEL_FUNCTION_VF_SHIFT),
             into);
       }
     },
     nullptr},
    {MOCK_ACCEL_REG_ABI, 4, "ABI", Access::read_only, "version of this register map",
     read_constant<MOCK_ACCEL_ABI_VERSION>, nullptr},
    {MOCK_ACCEL_REG_MEMORY_SIZE, 8, "MEMORY_SIZE", Access::read_only, "bytes of device memory",
     [](const State& state, Into into) { store_little_endian(state.memory->size().value(), into); },
     nullptr},
    {MOCK_ACCEL_REG_CAPABILITIES, 4, "CAPABILITIES", Access::read_only,
     "bit 0 compute, 1 encryption, 2 compression, 3 p2p",
     [](const State& state, Into into) { store_little_endian(state.capabilities, into); }, nullptr},
    {MOCK_ACCEL_REG_STATUS, 4, "STATUS", Access::read_write, "bit 0: allocated",
     [](const State& state, Into into) {
       store_little_endian(state.allocated ? MOCK_ACCEL_STATUS_ALLOCATED : MOCK_ACCEL_STATUS_FREE,
                           into);
     },
     write_status},
    {MOCK_ACCEL_REG_FW_VERSION, 4, "FW_VERSION", Access::read_only,
     "31:24 major, 23:16 minor, 15:0 patch", read_constant<kFirmwareVersion>, nullptr},
    {MOCK_ACCEL_REG_HEALTH, 4, "HEALTH", Access::read_only, "0 healthy, 1 degraded, 2 failed",
     [](const State& state, Into into) {
       store_little_endian(std::to_underlying(state.condition.health()), into);
     },
     nullptr},
    {MOCK_ACCEL_REG_TEMPERATURE, 4, "TEMPERATURE", Access::read_only,
     "thousandths of a degree Celsius, signed",
     [](const State& state, Into into) {
       store_little_endian(static_cast<std::uint32_t>(state.condition.temperature()), into);
     },
     nullptr},
    {MOCK_ACCEL_REG_ERROR_COUNT, 4, "ERROR_COUNT", Access::read_only, "errors since power-on",
     [](const State& state, Into into) { store_little_endian(state.condition.errors, into); },
     nullptr},
    {MOCK_ACCEL_REG_OWNER, 16, "OWNER", Access::read_write,
     "claim UID, bytes in RFC 9562 order; 0: none",
     [](const State& state, Into into) { std::ranges::copy(state.owner.bytes(), into.begin()); },
     write_owner},
    {MOCK_ACCEL_REG_PASSPHRASE_CMD, 4, "PASSPHRASE_CMD", Access::write_only,
     "7:0: 1 generate, 2 clear; reads 0", nullptr, write_passphrase_command},
    {MOCK_ACCEL_REG_PASSPHRASE_LENGTH, 4, "PASSPHRASE_LENGTH", Access::read_write, "words, 4 to 12",
     [](const State& state, Into into) { store_little_endian(state.passphrase.length, into); },
     [](State& state, Value value) { state.passphrase.length = word(value); }},
    {MOCK_ACCEL_REG_PASSPHRASE_STATUS, 4, "PASSPHRASE_STATUS", Access::read_only,
     "0 idle, 1 ready, 2 error",
     [](const State& state, Into into) { store_little_endian(state.passphrase.status, into); },
     nullptr},
    {MOCK_ACCEL_REG_PASSPHRASE_COUNT, 4, "PASSPHRASE_COUNT", Access::read_only,
     "passphrases made since reset",
     [](const State& state, Into into) { store_little_endian(state.passphrase.count, into); },
     nullptr},
    {MOCK_ACCEL_REG_PASSPHRASE_TEXT, MOCK_ACCEL_PASSPHRASE_SIZE, "PASSPHRASE_TEXT",
     Access::read_only, "the passphrase, then NULs",
     [](const State& state, Into into) {
       std::ranges::copy(std::as_bytes(std::span(state.passphrase.text)), into.begin());
     },
     nullptr},
    {MOCK_ACCEL_REG_ENGINE_CONTROL, 4, "ENGINE_CONTROL", Access::read_write, "bit 0: enable",
     [](const State& state, Into into) {
       store_little_endian(state.engine.enabled() ? MOCK_ACCEL_ENGINE_ENABLE : 0U, into);
     },
     [](State& state, Value value) {
       state.engine.set_enabled((load_little_endian(value) & MOCK_ACCEL_ENGINE_ENABLE) != 0);
     }},
    {MOCK_ACCEL_REG_ENGINE_STATUS, 4, "ENGINE_STATUS", Access::read_only,
     "bit 0: busy; 1: halted; 15:8: why, 1 bad ring, 2 overrun, 3 fetch",
     [](const State& state, Into into) { store_little_endian(state.engine.status(), into); },
     nullptr},
    {MOCK_ACCEL_REG_RING_BASE, 8, "RING_BASE", Access::read_write,
     "address of the ring, a multiple of 64",
     [](const State& state, Into into) { store_little_endian(state.engine.ring_base(), into); },
     [](State& state, Value value) { state.engine.set_ring_base(load_little_endian(value)); }},
    {MOCK_ACCEL_REG_RING_SIZE, 4, "RING_SIZE", Access::read_write,
     "descriptors, a power of two, 2 to 4096",
     [](const State& state, Into into) { store_little_endian(state.engine.ring_size(), into); },
     [](State& state, Value value) { state.engine.set_ring_size(word(value)); }},
    {MOCK_ACCEL_REG_RING_HEAD, 4, "RING_HEAD", Access::read_only,
     "the first descriptor that is not finished",
     [](const State& state, Into into) { store_little_endian(state.engine.head(), into); },
     nullptr},
    {MOCK_ACCEL_REG_RING_TAIL, 4, "RING_TAIL", Access::read_write,
     "doorbell: the first descriptor that is not ready",
     [](const State& state, Into into) { store_little_endian(state.engine.tail(), into); },
     [](State& state, Value value) { state.engine.set_tail(word(value)); },
     [](State& state) { state.engine.ring_doorbell(); }},
    {MOCK_ACCEL_MSIX_TABLE, kMsixTableSize, "MSIX_TABLE", Access::read_write,
     "MSI-X table, 16 bytes a vector",
     [](const State& state, Into into) { std::ranges::copy(state.msix.table(), into.begin()); },
     [](State& state, Value value) { state.msix.write_table(value); }},
    {MOCK_ACCEL_MSIX_PBA, kMsixPendingSize, "MSIX_PBA", Access::read_only,
     "MSI-X pending bits, one a vector",
     [](const State& state, Into into) { store_little_endian(state.msix.pending_bits(), into); },
     nullptr},
});

constexpr std::size_t kLargestRegister = std::ranges::max(kRegisters, {}, &Register::size).size;

/// A register's bytes; nothing on the heap, so that an access can't fail.
class Bytes {
 public:
  Bytes(const Register& row, const State& state) : size_(row.size) {
    if (row.read != nullptr) row.read(state, all());
  }
  [[nodiscard]] std::span<std::byte> all() { return std::span(bytes_).first(size_); }

 private:
  std::array<std::byte, kLargestRegister> bytes_{};
  std::size_t size_;
};

/// What an access of `count` bytes at `offset` and a register have in common.
struct Overlap {
  std::size_t in_register;  ///< where it starts, from the register's first byte
  std::size_t in_access;    ///< the same from the access's first byte
  std::size_t count;        ///< 0: nothing
};

Overlap overlap_of(const Register& row, std::uint64_t offset, std::size_t count) {
  const std::uint64_t start = std::max<std::uint64_t>(row.offset, offset);
  const std::uint64_t end = std::min<std::uint64_t>(row.offset + row.size, offset + count);
  if (start >= end) return {};
  return {.in_register = start - row.offset, .in_access = start - offset, .count = end - start};
}

}  // namespace

void State::reset() {
  set_allocation(*this, false, Uuid{});
  wipe_owners_data(*this);
  passphrase = {};
  msix.reset();
  engine.reset();
}

std::span<const Register> registers() {
  return kRegisters;
}

void read_registers(const State& state, std::uint64_t offset, std::span<std::byte> into) {
  std::ranges::fill(into, std::byte{0});
  for (const Register& row : kRegisters) {
    const auto [in_register, in_access, count] = overlap_of(row, offset, into.size());
    if (count == 0) continue;
    Bytes value(row, state);
    std::ranges::copy(value.all().subspan(in_register, count), into.subspan(in_access).begin());
  }
}

void write_registers(State& state, std::uint64_t offset, std::span<const std::byte> data) {
  for (const Register& row : kRegisters) {
    const auto [in_register, in_access, count] = overlap_of(row, offset, data.size());
    if (count == 0 || row.write == nullptr) continue;
    Bytes value(row, state);
    std::ranges::copy(data.subspan(in_access, count), value.all().subspan(in_register).begin());
    row.write(state, value.all());
    if (row.complete != nullptr && in_register + count == row.size) row.complete(state);
  }
}

}  // namespace mockdev::accel
