// SPDX-License-Identifier: Apache-2.0
#include "discovery/monitor.h"

#include <cerrno>
#include <utility>

#include <libudev.h>

namespace mockdev::discovery {
namespace {

struct Unref {
  void operator()(udev* library) const { udev_unref(library); }
  void operator()(udev_monitor* monitor) const { udev_monitor_unref(monitor); }
  void operator()(udev_device* device) const { udev_device_unref(device); }
};
template <typename T>
using Handle = std::unique_ptr<T, Unref>;

std::string text(const char* value) {
  return value == nullptr ? "" : value;
}

}  // namespace

struct Monitor::Socket {
  Handle<udev> library;
  Handle<udev_monitor> monitor;
};

Monitor::Monitor(std::unique_ptr<Socket> socket) : socket_(std::move(socket)) {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

Result<Monitor> Monitor::open() {
  const auto failed = [](int error) {
    return fail_errno("listening to the kernel's events", error);
  };
  auto socket = std::make_unique<Socket>();
  socket->library.reset(udev_new());
  if (!socket->library) return failed(ENOMEM);
  socket->monitor.reset(udev_monitor_new_from_netlink(socket->library.get(), "kernel"));
  if (!socket->monitor) return failed(errno);
  udev_monitor* const monitor = socket->monitor.get();
  // Both give minus an errno.
  const int filtered =
      udev_monitor_filter_add_match_subsystem_devtype(monitor, "mock-accel", nullptr);
  if (filtered < 0) return failed(-filtered);
  const int receiving = udev_monitor_enable_receiving(monitor);
  if (receiving < 0) return failed(-receiving);
  return Monitor(std::move(socket));
}

int Monitor::fd() const {
  return udev_monitor_get_fd(socket_->monitor.get());
}

std::vector<Event> Monitor::news() {
  std::vector<Event> events;
  // The library's socket does not block: it gives nothing when there is nothing.
  while (const auto device =
             Handle<udev_device>(udev_monitor_receive_device(socket_->monitor.get()))) {
    events.push_back(
        {.device = text(udev_device_get_sysname(device.get())),
         .action = text(udev_device_get_action(device.get())),
         .what = text(udev_device_get_property_value(device.get(), "MOCK_ACCEL_EVENT"))});
  }
  return events;
}

}  // namespace mockdev::discovery
