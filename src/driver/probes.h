// SPDX-License-Identifier: Apache-2.0
// The ports at which a running driver is asked how it is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "driver/liveness.h"
#include "driver/metrics.h"
#include "driver/settings.h"
#include "driver/web.h"

namespace mockdev::driver {

/// Serves gRPC health, /metrics, /healthz, /readyz and pages of the part's own where the settings
/// say, while it lives.
class Probes {
 public:
  using Question = std::function<Result<void>()>;  ///< called on any thread

  /// Fails if a port is taken.
  [[nodiscard]] Result<void> open(const CommonSettings& settings, const Metrics& metrics,
                                  const Question& alive, const Question& ready,
                                  std::map<std::string, Page> more_pages = {});

 private:
  std::unique_ptr<LivenessServer> liveness_;
  std::unique_ptr<WebServer> web_;
};

}  // namespace mockdev::driver
