// SPDX-License-Identifier: Apache-2.0
// What the driver counts.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "discovery/device.h"
#include "dra/publisher.h"
#include "kube/client.h"

namespace mockdev::driver {

/// Thread-safe.
///
///     mock_accel_devices{health}                       devices on this node
///     mock_accel_claim_seconds{operation,outcome}      histogram: prepare, unprepare; ok, error
///     mock_accel_slice_writes_total{verb}              create, update, delete
///     mock_accel_publish_failures_total
///     mock_accel_swept_slices_total{outcome}           of nodes that nobody serves: ok, error
///     mock_accel_api_requests_total{verb,resource,code}
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  Metrics(Metrics&&) = delete;
  Metrics& operator=(Metrics&&) = delete;

  void devices(const std::vector<discovery::Device>& devices);
  void claim(std::string_view operation, bool succeeded, std::chrono::nanoseconds duration);
  void published(const Result<dra::Published>& pass);
  void swept(const Result<void>& removal);
  void api_call(const kube::CallRecord& call);

  /// In Prometheus' text format.
  [[nodiscard]] std::string text() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::driver
