// SPDX-License-Identifier: Apache-2.0
// The gRPC health check that liveness probes ask.
#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "driver/settings.h"

namespace mockdev::driver {

/// Serves grpc.health.v1.Health with the services "" and "liveness", both of which are what `alive`
/// says. `alive` is called on any thread, several at a time.
class LivenessServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<LivenessServer>> start(
      const Listen& listen, std::function<Result<void>()> alive);
  ~LivenessServer();
  LivenessServer(const LivenessServer&) = delete;
  LivenessServer& operator=(const LivenessServer&) = delete;
  LivenessServer(LivenessServer&&) = delete;
  LivenessServer& operator=(LivenessServer&&) = delete;

 private:
  class Implementation;
  explicit LivenessServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::driver
