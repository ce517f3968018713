// SPDX-License-Identifier: Apache-2.0
// The ports at which a running driver is asked how it is.
#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "driver/liveness.h"
#include "driver/metrics.h"
#include "driver/settings.h"
#include "driver/web.h"

namespace mockdev::driver {

/// Serves gRPC health, /metrics, /healthz and /readyz where the settings say, while it lives.
class Probes {
 public:
  using Question = std::function<Result<void>()>;  ///< called on any thread

  /// Fails if a port is taken.
  [[nodiscard]] Result<void> open(const CommonSettings& settings, const Metrics& metrics,
                                  const Question& alive, const Question& ready);

 private:
  std::unique_ptr<LivenessServer> liveness_;
  std::unique_ptr<WebServer> web_;
};

}  // namespace mockdev::driver
