// SPDX-License-Identifier: Apache-2.0
#include "workload/device.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace mockdev::workload {
namespace {

std::string_view refusal(std::uint32_t status) {
  constexpr std::array<std::string_view, MOCK_ACCEL_DONE_ABORTED + 1> kReasons = {
      "nothing",
      "done",
      "no such operation",
      "no such flags",
      "too long",
      "not all within the device's memory",
      "the machine's memory could not be reached",
      "the host has no memory left for the device's",
      "the device has failed",
      "given up: the device was reset meanwhile",
  };
  return status < kReasons.size() ? kReasons.at(status) : "for a reason that is not known";
}

/// ioctl(), again where a signal cut it short.
template <typename Argument>
int call(int file, unsigned long command, Argument& argument) {
  int result = 0;
  do {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is how ioctl() is
    result = ::ioctl(file, command, &argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

Buffer::~Buffer() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Buffer::Buffer(Buffer&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), address_(other.address_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(address_, other.address_);
  return *this;
}

Result<Device> Device::open(const std::filesystem::path& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return fail_errno(path, errno);
  mock_accel_info info{};
  if (call(file.get(), MOCK_ACCEL_IOC_INFO, info) < 0) return fail_errno(path, errno);
  if (info.abi_version != MOCK_ACCEL_ABI_VERSION) {
    return fail("{}: has ABI {}, this program ABI {}: update the older one", path.native(),
                info.abi_version, MOCK_ACCEL_ABI_VERSION);
  }
  return Device(path.filename(), std::move(file), info);
}

Device::Device(std::string name, UniqueFd file, const mock_accel_info& info)
    : name_(std::move(name)), file_(std::move(file)), info_(info) {
  std::ranges::transform(info.uuid, uuid_.begin(),
                         [](std::uint8_t byte) { return std::byte{byte}; });
}

Result<Buffer> Device::make_buffer(ByteCount size) {
  mock_accel_buffer buffer{.size = size.value(), .offset = 0};
  if (call(file_.get(), MOCK_ACCEL_IOC_BUFFER, buffer) < 0) {
    return fail_errno(fmt::format("{}: a buffer of {}", name_, size), errno);
  }
  void* const memory = ::mmap(nullptr, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(),
                              static_cast<off_t>(buffer.offset));
  if (memory == MAP_FAILED) return fail_errno(fmt::format("{}: map of a buffer", name_), errno);
  return Buffer(std::span(static_cast<std::byte*>(memory), buffer.size), buffer.offset);
}

Result<Done> Device::fill(Place to, std::uint64_t length, std::uint64_t pattern) {
  return run({.operation = MOCK_ACCEL_OP_FILL,
              .flags = to.on_device ? MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE : 0U,
              .length = length,
              .source = 0,
              .destination = to.address,
              .operand = pattern,
              .id = 0});
}

Result<Done> Device::copy(Place from, Place to, std::uint64_t length) {
  const auto work = start_copy(from, to, length);
  if (!work) return std::unexpected(work.error());
  return wait(*work);
}

Result<Started> Device::start_copy(Place from, Place to, std::uint64_t length) {
  const unsigned source = from.on_device ? MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE : 0U;
  const unsigned destination = to.on_device ? MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE : 0U;
  return start({.operation = MOCK_ACCEL_OP_COPY,
                .flags = source | destination,
                .length = length,
                .source = from.address,
                .destination = to.address,
                .operand = 0,
                .id = 0});
}

Result<Done> Device::crc32c(Place from, std::uint64_t length, std::uint32_t crc) {
  return run({.operation = MOCK_ACCEL_OP_CRC32C,
              .flags = from.on_device ? MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE : 0U,
              .length = length,
              .source = from.address,
              .destination = 0,
              .operand = crc,
              .id = 0});
}

Result<Started> Device::start(mock_accel_work work) {
  if (call(file_.get(), MOCK_ACCEL_IOC_SUBMIT, work) < 0) return fail_errno(name_, errno);
  return Started{.id = work.id, .length = work.length};
}

Result<Done> Device::run(const mock_accel_work& work) {
  const auto started = start(work);
  if (!started) return std::unexpected(started.error());
  return wait(*started);
}

Result<Done> Device::wait(const Started& work) {
  mock_accel_wait wait{.id = work.id,
                       .timeout_ms = static_cast<std::int32_t>(patience_.count()),
                       .status = 0,
                       .bytes = 0,
                       .result = 0};
  if (call(file_.get(), MOCK_ACCEL_IOC_WAIT, wait) < 0) return fail_errno(name_, errno);
  if (wait.status != MOCK_ACCEL_DONE_OK) {
    return fail("{}: after {} of {} bytes: {}", name_, wait.bytes, work.length,
                refusal(wait.status));
  }
  return Done{.bytes = wait.bytes, .crc = static_cast<std::uint32_t>(wait.result)};
}

}  // namespace mockdev::workload
