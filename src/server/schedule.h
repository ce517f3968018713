// SPDX-License-Identifier: Apache-2.0
// The faults that the topology file has planned: when they come and go.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "server/hosted_device.h"
#include "topology/topology.h"

namespace mockdev::server {

/// Not thread-safe. What is on of one device is a matter of the plan alone: two faults of one kind
/// that overlap do not end each other.
class Schedule {
 public:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    Target target;
    const topology::PlannedFault* fault;
    bool on = false;
    Clock::time_point came;                 ///< when it came last; while it is off, when it comes
    std::optional<Clock::time_point> next;  ///< when it comes or goes; none: never again
  };

  /// The plans of `devices`, which outlive the schedule. Their times count from `start`.
  Schedule(std::span<const HostedDevice> devices, Clock::time_point start);

  /// Has all come and go whose time has come by `now`.
  void advance(Clock::time_point now);

  /// When there is something to do again; none: never.
  [[nodiscard]] std::optional<Clock::time_point> next() const;

  /// By device, in the order of the file.
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }

 private:
  [[nodiscard]] static bool step(Entry& entry);
  void show(const Target& target) const;

  std::vector<Entry> entries_;
};

}  // namespace mockdev::server
