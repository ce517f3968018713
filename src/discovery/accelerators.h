// SPDX-License-Identifier: Apache-2.0
// The accelerators of a machine, for somebody who hands them out.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/uuid.h"
#include "discovery/discovery.h"

namespace mockdev::discovery {

/// Why a device could not be taken or freed.
struct OwnerError {
  enum class Reason : std::uint8_t {
    busy,    ///< another owner holds it, or somebody allocated it by hand
    gone,    ///< there is no such device, or it no longer answers
    failed,  ///< anything else: no permission, the device did not take the value
  };
  Reason reason;
  std::string message;  ///< names the device and what the system said
};

/// Devices by their names: "mock0", "mock0_vf3". The owner of a device is kept in the device
/// itself: it outlives this process, and it is the only truth about who holds what. Thread-safe.
class Accelerators {
 public:
  Accelerators() = default;
  virtual ~Accelerators() = default;
  Accelerators(const Accelerators&) = delete;
  Accelerators& operator=(const Accelerators&) = delete;
  Accelerators(Accelerators&&) = delete;
  Accelerators& operator=(Accelerators&&) = delete;

  /// What there is now.
  [[nodiscard]] Inventory look() const { return look({}); }
  /// The same of the devices that are `wanted` alone; empty: all.
  [[nodiscard]] virtual Inventory look(const NameFilter& wanted) const = 0;
  /// Who holds what now.
  [[nodiscard]] virtual std::vector<Held> held() const = 0;
  /// Makes `owner` the holder of a free device. Success if it is that already.
  [[nodiscard]] virtual std::expected<void, OwnerError> take(const std::string& name,
                                                             const Uuid& owner) = 0;
  /// Frees a device, whoever holds it. Its memory is wiped.
  [[nodiscard]] virtual std::expected<void, OwnerError> free(const std::string& name) = 0;
  /// Divides a PF that has no VFs into `count` of them. Fails on one that is held.
  [[nodiscard]] virtual Result<void> enable_vfs(const std::string& pf, unsigned count) = 0;
  /// Opens the device's node. The kernel module can't be unloaded while the file is open.
  [[nodiscard]] virtual Result<UniqueFd> open(const std::string& name) const = 0;
};

/// The accelerators that the kernel module shows in `sysfs`/class/mock-accel and `dev`.
class KernelAccelerators : public Accelerators {
 public:
  explicit KernelAccelerators(std::filesystem::path sysfs = "/sys",
                              std::filesystem::path dev = "/dev");

  using Accelerators::look;
  [[nodiscard]] Inventory look(const NameFilter& wanted) const override;
  [[nodiscard]] std::vector<Held> held() const override;
  [[nodiscard]] std::expected<void, OwnerError> take(const std::string& name,
                                                     const Uuid& owner) override;
  [[nodiscard]] std::expected<void, OwnerError> free(const std::string& name) override;
  [[nodiscard]] Result<void> enable_vfs(const std::string& pf, unsigned count) override;
  [[nodiscard]] Result<UniqueFd> open(const std::string& name) const override;

 private:
  std::filesystem::path sysfs_;
  std::filesystem::path dev_;
};

}  // namespace mockdev::discovery
