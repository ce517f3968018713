// SPDX-License-Identifier: Apache-2.0
// The agent's pages for probes and for Prometheus.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "driver/settings.h"

namespace mockdev::driver {

/// A page, or why there is none now, which is a 503.
using Page = std::function<Result<std::string>()>;

/// Serves pages as plain text over HTTP, from the start to its end. A page is made on any thread.
class WebServer {
 public:
  /// `pages` by their paths: "/metrics".
  [[nodiscard]] static Result<std::unique_ptr<WebServer>> start(const Listen& listen,
                                                                std::map<std::string, Page> pages);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;
  WebServer(WebServer&&) = delete;
  WebServer& operator=(WebServer&&) = delete;

 private:
  class Implementation;
  explicit WebServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mockdev::driver
