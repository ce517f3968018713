// SPDX-License-Identifier: Apache-2.0
#include "accel/device_memory.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mockdev::accel {
namespace {

constexpr std::uint64_t kStatBlock = 512;  // bytes, of st_blocks on Linux

}  // namespace

ByteCount DeviceMemory::used() const {
  struct stat status{};
  if (const int fd = fd_; fd < 0 || ::fstat(fd, &status) != 0) return 0_B;
  return ByteCount{static_cast<std::uint64_t>(status.st_blocks) * kStatBlock};
}

Result<void> DeviceMemory::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (auto checked = check_range(offset, into.size()); !checked) return checked;
  const int fd = fd_;
  if (fd < 0 || retired_) {
    std::ranges::fill(into, std::byte{0});
    return {};
  }
  while (!into.empty()) {
    const ssize_t count = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail_errno("device memory: read", count == 0 ? EIO : errno);
    offset += static_cast<std::uint64_t>(count);
    into = into.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> DeviceMemory::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (auto checked = check_range(offset, data.size()); !checked) return checked;
  if (retired_) return {};
  const auto fd = file_for_writing();
  if (!fd) return std::unexpected(fd.error());
  while (!data.empty()) {
    const ssize_t count = ::pwrite(*fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("device memory: write", errno);
    offset += static_cast<std::uint64_t>(count);
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> DeviceMemory::check_range(std::uint64_t offset, std::size_t count) const {
  if (offset <= size_.value() && count <= size_.value() - offset) return {};
  return fail("device memory: {} bytes at {:#x} are not all within its {}", count, offset, size_);
}

Result<int> DeviceMemory::file_for_writing() {
  const std::scoped_lock lock(making_);
  if (file_) return file_.get();
  UniqueFd file(::memfd_create("mock-accel-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return fail_errno("device memory: memfd_create", errno);
  if (::ftruncate(file.get(), static_cast<off_t>(size_.value())) != 0) {
    return fail_errno("device memory: ftruncate", errno);
  }
  // Whoever maps the file may rely on its size: no access ends beyond its end.
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return fail_errno("device memory: seal", errno);
  }
  file_ = std::move(file);
  fd_ = file_.get();
  return file_.get();
}

}  // namespace mockdev::accel
