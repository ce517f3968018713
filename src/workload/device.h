// SPDX-License-Identifier: Apache-2.0
// An accelerator as a program uses it: /dev/mockN, with the types and errors of C++.
// abi/mock_accel.h has the contract with the kernel.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "base/uuid.h"
#include "mock_accel.h"

namespace mockdev::workload {

/// Memory that a program shares with the engine of one device.
class Buffer {
 public:
  Buffer(std::span<std::byte> bytes, std::uint64_t address) : bytes_(bytes), address_(address) {}
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  /// Where the device finds the first byte, in Work.
  [[nodiscard]] std::uint64_t address() const { return address_; }

 private:
  std::span<std::byte> bytes_;
  std::uint64_t address_;
};

/// An address: in a buffer, or with `on_device` in the device's own memory.
struct Place {
  std::uint64_t address;
  bool on_device;
};

/// What became of a piece of work that the device did.
struct Done {
  std::uint64_t bytes;
  std::uint32_t crc;  ///< of crc32c(), else 0
};

/// A piece of work that the device has been given.
struct Started {
  std::uint64_t id;
  std::uint64_t length;
};

/// An open device. Calls are errors of the system ("No such device" once it is gone) or, where the
/// device refused the work, its reason in words. Not thread-safe; several may have a device open.
class Device {
 public:
  [[nodiscard]] static Result<Device> open(const std::filesystem::path& path);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Uuid uuid() const { return Uuid(uuid_); }
  [[nodiscard]] const mock_accel_info& info() const { return info_; }

  /// `size`: 1 to MOCK_ACCEL_MAX_BUFFER.
  [[nodiscard]] Result<Buffer> make_buffer(ByteCount size);

  // One piece of work, done when the call returns. `length`: up to MOCK_ACCEL_MAX_LENGTH; `crc`: to
  // go on from, 0 at the start.
  [[nodiscard]] Result<Done> fill(Place to, std::uint64_t length, std::uint64_t pattern);
  [[nodiscard]] Result<Done> copy(Place from, Place to, std::uint64_t length);
  [[nodiscard]] Result<Done> crc32c(Place from, std::uint64_t length, std::uint32_t crc = 0);
  /// Several pieces of work at once: up to MOCK_ACCEL_MAX_WORKS that nobody has waited for. Blocks
  /// while the device's ring is full.
  [[nodiscard]] Result<Started> start_copy(Place from, Place to, std::uint64_t length);
  [[nodiscard]] Result<Done> wait(const Started& work);

  /// How long a piece of work may take; afterwards the call fails. The work itself goes on.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }

 private:
  Device(std::string name, UniqueFd file, const mock_accel_info& info);

  [[nodiscard]] Result<Started> start(mock_accel_work work);
  [[nodiscard]] Result<Done> run(const mock_accel_work& work);

  std::string name_;
  UniqueFd file_;
  mock_accel_info info_;
  Uuid::Bytes uuid_{};
  std::chrono::milliseconds patience_{30'000};
};

}  // namespace mockdev::workload
