// SPDX-License-Identifier: Apache-2.0
// The registers in BAR0: what abi/mock_accel.h promises, as a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "accel/device_memory.h"
#include "accel/engine.h"
#include "accel/faults.h"
#include "base/units.h"
#include "base/uuid.h"
#include "mock_accel.h"
#include "pci/msix.h"

namespace mockdev::accel {

/// What the registers show and change: all of the accelerator but its configuration space. Whoever
/// uses it holds `lock`, which the engine's thread shares.
struct State {
  /// `vf_number`: none for a PF.
  State(const Uuid& device_uuid, ByteCount memory_size, std::uint32_t capability_bits,
        std::optional<std::uint16_t> vf_number = std::nullopt)
      : uuid(device_uuid),
        vf(vf_number),
        capabilities(capability_bits),
        memory(std::make_shared<DeviceMemory>(memory_size)) {}

  mutable std::mutex lock;

  const Uuid uuid;
  const std::optional<std::uint16_t> vf;  ///< number of the VF; none: a PF
  const std::uint32_t capabilities;       ///< MOCK_ACCEL_CAP_*

  // A device with an owner is allocated; one that is allocated need not have an owner.
  bool allocated = false;
  Uuid owner;

  struct Passphrase {
    std::uint32_t length = kDefaultLength;  ///< words, as written: not yet checked
    std::uint32_t status = MOCK_ACCEL_PASSPHRASE_STATUS_IDLE;
    std::uint32_t count = 0;
    std::string text;

    static constexpr std::uint32_t kDefaultLength = 6;
  } passphrase;

  Condition condition;
  std::shared_ptr<DeviceMemory> memory;  ///< of the present owner
  pci::Msix msix{MOCK_ACCEL_VECTORS};
  Engine engine{{.lock = lock, .memory = memory, .condition = condition, .msix = msix}};

  /// A reset of any kind: the device is free and all that an owner left is gone, the engine is
  /// disabled. The hardware's condition stays.
  void reset();
};

enum class Access : std::uint8_t { read_only, read_write, write_only };

/// One row a register.
struct Register {
  std::uint16_t offset;
  std::uint16_t size;  ///< bytes
  std::string_view name;
  Access access;
  std::string_view meaning;

  /// Fills `into`, of the register's size and zeroed, with its value. None: reads 0.
  void (*read)(const State& state, std::span<std::byte> into);
  /// Takes a new value of the register's size. None: writes are ignored.
  void (*write)(State& state, std::span<const std::byte> value);
  /// Called after `write` when the register's last byte was among what was written, so that a value
  /// that comes byte by byte has its effect once, when it is complete. None: no such effect.
  void (*complete)(State& state) = nullptr;
};

/// All registers by offset, none overlapping another; docs/registers.md shows the same rows.
[[nodiscard]] std::span<const Register> registers();

/// An access of any length and alignment within the BAR, which may touch several registers or
/// parts of one. Gaps read 0 and ignore writes. A register that is written in part gets its other
/// bytes as they read.
void read_registers(const State& state, std::uint64_t offset, std::span<std::byte> into);
void write_registers(State& state, std::uint64_t offset, std::span<const std::byte> data);

}  // namespace mockdev::accel
