// SPDX-License-Identifier: Apache-2.0
#include "discovery/accelerators.h"

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace mockdev::discovery {
namespace {

OwnerError::Reason reason(int error) {
  switch (error) {
    case EBUSY:
      return OwnerError::Reason::busy;
    case ENOENT:  // the folder is gone
    case ENODEV:  // the device reads all ones, or was just unbound
      return OwnerError::Reason::gone;
    default:
      return OwnerError::Reason::failed;
  }
}

std::unexpected<OwnerError> owner_error(const std::string& name, int error) {
  return std::unexpected(OwnerError{
      .reason = reason(error),
      .message = fmt::format("{}: owner: {}", name, std::generic_category().message(error))});
}

/// Writes a line to an attribute in one write(2): that is the device's whole transaction. Gives 0
/// or what errno says.
int write_attribute(const std::filesystem::path& path, std::string_view line) {
  // O_TRUNC means nothing to sysfs; it makes a plain file, as tests have, hold just this line.
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!file) return errno;
  return ::write(file.get(), line.data(), line.size()) < 0 ? errno : 0;
}

std::filesystem::path attribute(const std::filesystem::path& sysfs, const std::string& device,
                                const char* name) {
  return sysfs / "class" / "mock-accel" / device / name;
}

std::expected<void, OwnerError> write_owner(const std::filesystem::path& sysfs,
                                            const std::string& name, std::string_view line) {
  const int error = write_attribute(attribute(sysfs, name, "owner"), line);
  if (error != 0) return owner_error(name, error);
  return {};
}

}  // namespace

KernelAccelerators::KernelAccelerators(std::filesystem::path sysfs, std::filesystem::path dev)
    : sysfs_(std::move(sysfs)), dev_(std::move(dev)) {}

Inventory KernelAccelerators::look(const NameFilter& wanted) const {
  return discover(sysfs_, wanted);
}

std::vector<Held> KernelAccelerators::held() const {
  return held_devices(sysfs_);
}

std::expected<void, OwnerError> KernelAccelerators::take(const std::string& name,
                                                         const Uuid& owner) {
  return write_owner(sysfs_, name, to_string(owner) + "\n");
}

std::expected<void, OwnerError> KernelAccelerators::free(const std::string& name) {
  return write_owner(sysfs_, name, "\n");
}

Result<void> KernelAccelerators::enable_vfs(const std::string& pf, unsigned count) {
  const auto path = attribute(sysfs_, pf, "sriov_numvfs");
  const int error = write_attribute(path, fmt::format("{}\n", count));
  return error == 0 ? Result<void>() : fail_errno(path, error);
}

Result<UniqueFd> KernelAccelerators::open(const std::string& name) const {
  const auto path = dev_ / name;
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return fail_errno(path, errno);
  return file;
}

}  // namespace mockdev::discovery
