// SPDX-License-Identifier: Apache-2.0
#include "server/schedule.h"

#include <algorithm>

#include "base/log.h"
#include "server/device_faults.h"

namespace mockdev::server {

Schedule::Schedule(std::span<const HostedDevice> devices, Clock::time_point start) {
  for (const HostedDevice& device : devices) {
    for (const topology::PlannedFault& fault : device.place.device.faults) {
      entries_.push_back({.target = {.device = &device, .vf = fault.vf},
                          .fault = &fault,
                          .came = start + fault.at,
                          .next = start + fault.at});
    }
  }
}

void Schedule::advance(Clock::time_point now) {
  for (Entry& entry : entries_) {
    bool changed = false;
    while (entry.next && *entry.next <= now) changed = step(entry) || changed;
    if (changed) show(entry.target);
  }
}

/// Does what is next. Whether that changes which faults are on.
bool Schedule::step(Entry& entry) {
  const topology::PlannedFault& fault = *entry.fault;
  const accel::FaultKind& kind = *fault.kind;
  const bool comes = !entry.on;
  log::info("{}: fault {} {} as planned", full_name(entry.target), kind.name,
            comes ? "comes" : "goes");
  if (comes && !kind.lasts) happen(entry.target, kind, fault.value);
  entry.on = comes && kind.lasts;
  if (entry.on) {
    entry.next = fault.lasts ? std::optional(entry.came + *fault.lasts) : std::nullopt;
  } else if (fault.every) {
    entry.came += *fault.every;
    entry.next = entry.came;
  } else {
    entry.next.reset();
  }
  return kind.lasts;
}

/// Tells a device which faults it has by the plan.
void Schedule::show(const Target& target) const {
  accel::Condition condition;
  for (const Entry& entry : entries_) {
    if (!entry.on || entry.target != target) continue;
    accel::Condition planned;
    entry.fault->kind->inject(planned, entry.fault->value);
    condition = combined(condition, planned);
  }
  set_scheduled(target, condition);
}

std::optional<Schedule::Clock::time_point> Schedule::next() const {
  std::optional<Clock::time_point> first;
  for (const Entry& entry : entries_) {
    if (entry.next && (!first || *entry.next < *first)) first = entry.next;
  }
  return first;
}

}  // namespace mockdev::server
