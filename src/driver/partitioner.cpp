// SPDX-License-Identifier: Apache-2.0
#include "driver/partitioner.h"

#include <algorithm>

#include "base/log.h"

namespace mockdev::driver {
namespace {

bool is_whole_and_free(const discovery::Device& device) {
  return device.kind == discovery::Kind::pf && device.vfs.total > 0 && device.vfs.enabled == 0 &&
         device.readings && device.readings->status == discovery::Status::free;
}

}  // namespace

Partitioner::Partitioner(discovery::Accelerators& accelerators, unsigned vfs)
    : accelerators_(accelerators), vfs_(vfs) {}

void Partitioner::divide(std::span<const discovery::Device> devices) {
  if (vfs_ == 0) return;
  for (const discovery::Device& device : devices) {
    if (is_whole_and_free(device)) divide(device);
  }
}

void Partitioner::divide(const discovery::Device& pf) {
  const unsigned count = std::min(vfs_, pf.vfs.total);
  const auto divided = accelerators_.enable_vfs(pf.name, count);
  if (divided) {
    log::info("device={} has {} VFs now", pf.name, count);
    failed_.erase(pf.name);
  } else if (failed_.insert(pf.name).second) {
    log::error("device={} gets no VFs: {}", pf.name, divided.error().message);
  }
}

}  // namespace mockdev::driver
