// SPDX-License-Identifier: Apache-2.0
#include "driver/probes.h"

#include <string>
#include <utility>

namespace mockdev::driver {

Result<void> Probes::open(const CommonSettings& settings, const Metrics& metrics,
                          const Question& alive, const Question& ready,
                          std::map<std::string, Page> more_pages) {
  if (settings.health.port > 0) {
    auto started = LivenessServer::start(settings.health, alive);
    if (!started) return std::unexpected(started.error());
    liveness_ = std::move(*started);
  }
  if (settings.http.port > 0) {
    const auto page_of = [](const Question& question) -> Page {
      return [question]() -> Result<std::string> {
        if (auto answer = question(); !answer) return std::unexpected(std::move(answer.error()));
        return "ok\n";
      };
    };
    more_pages["/metrics"] = [&metrics] { return Result<std::string>(metrics.text()); };
    more_pages["/healthz"] = page_of(alive);
    more_pages["/readyz"] = page_of(ready);
    auto started = WebServer::start(settings.http, std::move(more_pages));
    if (!started) return std::unexpected(started.error());
    web_ = std::move(*started);
  }
  return {};
}

}  // namespace mockdev::driver
