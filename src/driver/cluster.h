// SPDX-License-Identifier: Apache-2.0
// The way to the cluster, and what has to be known of it before anything can be said there.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "dra/names.h"
#include "driver/metrics.h"
#include "driver/settings.h"
#include "kube/client.h"

namespace mockdev::driver {

/// A client as the settings say, whose calls are counted. Makes no call yet.
[[nodiscard]] Result<std::unique_ptr<kube::Client>> make_client(const CommonSettings& settings,
                                                                Metrics& metrics);

struct Server {
  std::string api_version;  ///< of resource.k8s.io: "v1"
  int minor = 0;            ///< 36 for 1.36

  /// Whether its scheduler takes slices of a pool in the order of their names.
  [[nodiscard]] bool orders_by_name() const { return minor >= 36; }
  bool operator==(const Server&) const = default;
};

/// Asks the API server once. Fails if it does not answer, and if it serves no version of
/// resource.k8s.io that this driver speaks.
[[nodiscard]] Result<Server> look_at_server(kube::Api& api, const CommonSettings& settings);

/// Whether the API server is another one now, as after an upgrade, so that all that was made for
/// `server` has to be made anew. One that does not answer is the same.
[[nodiscard]] bool has_changed(kube::Api& api, const CommonSettings& settings,
                               const Server& server);

/// What a Node object tells its agent.
struct NodeFacts {
  int kubelet_minor;            ///< the server's where the Node does not say
  std::optional<unsigned> vfs;  ///< its label DRIVER/vfs: into how many VFs PFs are divided
};

/// Asks for a Node. Fails if there is none of that name yet. A label that is no number is as none,
/// and the log says so.
[[nodiscard]] Result<NodeFacts> look_at_node(kube::Api& api, const Server& server,
                                             const dra::NodeName& node,
                                             const dra::DriverName& driver);

/// Asks until there is an answer, more and more slowly. None: the interrupt came first.
template <typename Question>
auto ask_until_answered(const Question& question, const Interrupt& interrupt)
    -> std::optional<typename decltype(question())::value_type> {
  constexpr std::chrono::milliseconds kFirstPause{500};
  constexpr std::chrono::milliseconds kLongestPause{30000};
  for (auto pause = kFirstPause; !interrupt.requested();
       pause = std::min(pause * 2, kLongestPause)) {
    auto answer = question();
    if (answer) return std::move(*answer);
    log::warn("{}", answer.error().message);
    if (interrupt.wait(pause)) break;
  }
  return std::nullopt;
}

}  // namespace mockdev::driver
