// SPDX-License-Identifier: Apache-2.0
#include "driver/metrics.h"

#include <algorithm>
#include <array>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace mockdev::driver {
namespace {

template <typename Builder>
auto& family(Builder builder, prometheus::Registry& registry, const char* name, const char* help) {
  return builder.Name(name).Help(help).Register(registry);
}

}  // namespace

class Metrics::Implementation {
 public:
  prometheus::Registry registry;
  prometheus::Family<prometheus::Gauge>& devices =
      family(prometheus::BuildGauge(), registry, "mock_accel_devices",
             "Accelerators of this node by their health");
  prometheus::Family<prometheus::Histogram>& claims =
      family(prometheus::BuildHistogram(), registry, "mock_accel_claim_seconds",
             "Time that the kubelet waited for a call, by operation and outcome");
  prometheus::Family<prometheus::Counter>& writes =
      family(prometheus::BuildCounter(), registry, "mock_accel_slice_writes_total",
             "ResourceSlices written to the API server");
  prometheus::Counter& failures =
      family(prometheus::BuildCounter(), registry, "mock_accel_publish_failures_total",
             "Attempts to publish ResourceSlices that failed")
          .Add({});
  prometheus::Family<prometheus::Counter>& swept =
      family(prometheus::BuildCounter(), registry, "mock_accel_swept_slices_total",
             "Removals of ResourceSlices of nodes that are gone or not served");
  prometheus::Family<prometheus::Counter>& api_calls =
      family(prometheus::BuildCounter(), registry, "mock_accel_api_requests_total",
             "Requests to the API server; code 0: no reply");
};

Metrics::Metrics() : implementation_(std::make_unique<Implementation>()) {}
Metrics::~Metrics() = default;

void Metrics::devices(const std::vector<discovery::Device>& devices) {
  using discovery::Health;
  for (const Health health : {Health::healthy, Health::degraded, Health::failed, Health::gone}) {
    implementation_->devices.Add({{"health", std::string(to_string(health))}})
        .Set(static_cast<double>(std::ranges::count(devices, health, &discovery::Device::health)));
  }
}

void Metrics::claim(std::string_view operation, bool succeeded, std::chrono::nanoseconds duration) {
  static const prometheus::Histogram::BucketBoundaries seconds = {
      0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 20, 45};
  implementation_->claims
      .Add({{"operation", std::string(operation)}, {"outcome", succeeded ? "ok" : "error"}},
           seconds)
      .Observe(std::chrono::duration<double>(duration).count());
}

void Metrics::published(const Result<dra::Published>& pass) {
  if (!pass) {
    implementation_->failures.Increment();
    return;
  }
  const auto count = [&](const char* verb, unsigned writes) {
    implementation_->writes.Add({{"verb", verb}}).Increment(writes);
  };
  count("create", pass->created);
  count("update", pass->updated);
  count("delete", pass->deleted);
}

void Metrics::swept(const Result<void>& removal) {
  implementation_->swept.Add({{"outcome", removal ? "ok" : "error"}}).Increment();
}

void Metrics::api_call(const kube::CallRecord& call) {
  implementation_->api_calls
      .Add({{"verb", std::string(call.verb)},
            {"resource", std::string(call.resource)},
            {"code", std::to_string(call.code)}})
      .Increment();
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(implementation_->registry.Collect());
}

}  // namespace mockdev::driver
