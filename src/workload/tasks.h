// SPDX-License-Identifier: Apache-2.0
// What the program has a device do.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/error.h"
#include "base/units.h"
#include "workload/device.h"

namespace mockdev::workload {

/// Writes data that no other run has to the device's memory by way of the engine, moves it within
/// the device, and reads it back: what comes back has to be the same, and the engine's checksums
/// right. Uses two stretches of `size` bytes of the device's memory from its start on.
class Verifier {
 public:
  /// `size`: up to MOCK_ACCEL_MAX_BUFFER / 2. The buffers last as long as the device is open.
  [[nodiscard]] static Result<Verifier> make(Device device, ByteCount size);

  /// Does it once, and gives the checksum. Fails with what differs.
  [[nodiscard]] Result<std::uint32_t> verify();

  [[nodiscard]] const Device& device() const { return device_; }
  [[nodiscard]] ByteCount size() const { return size_; }

 private:
  Verifier(Device device, ByteCount size, Buffer sent, Buffer received);

  Device device_;
  ByteCount size_;
  Buffer sent_;
  Buffer received_;
};

/// Speed of copies of one size, of which the engine has some at once, to the device, beside this
/// processor's own from memory to memory.
struct Speed {
  std::uint64_t copies;      ///< that the engine made
  double engine;             ///< bytes a second
  double memcpy;             ///< bytes a second
  double microseconds_each;  ///< from the first submission to the last result, by copy
};

/// Copies for `duration`, `at_once` (1 to MOCK_ACCEL_MAX_WORKS) before it waits. `size`: up to
/// MOCK_ACCEL_MAX_BUFFER.
[[nodiscard]] Result<Speed> measure(Device& device, ByteCount size, unsigned at_once,
                                    std::chrono::milliseconds duration);

}  // namespace mockdev::workload
