// SPDX-License-Identifier: Apache-2.0
// Brings the API server's ResourceSlices of a node in line with what the node has.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "dra/names.h"
#include "dra/slice_json.h"
#include "dra/slices.h"
#include "kube/api.h"

namespace mockdev::dra {

struct PublisherSettings {
  DriverName driver;
  NodeName node;
  std::string api_version;  ///< of resource.k8s.io: "v1"
  /// Names of slices begin with their place in the pool, by which schedulers from 1.36 on order
  /// them.
  bool ordered_names = true;
  /// The slices get the label simulated_label, and names that follow from what they are.
  bool simulated = false;
};

/// The label, with the value "true", of slices that no node agent stands behind:
/// "mock-accel.example.com/simulated".
[[nodiscard]] std::string simulated_label(const DriverName& driver);
[[nodiscard]] bool is_simulated(const nlohmann::json& slice, const DriverName& driver);

/// The slices of all drivers and nodes.
[[nodiscard]] kube::Resource slice_collection(const std::string& api_version);

/// What somebody who watches a node knows of it, so that a pass need not ask.
struct KnownNode {
  std::string uid;                     ///< of the Node
  std::vector<nlohmann::json> slices;  ///< all that the driver has there, whole and as they are
};

/// What one pass did.
struct Published {
  unsigned created = 0;
  unsigned updated = 0;
  unsigned deleted = 0;
  /// The server did not keep these: its feature gates are off. Make the pools without them and
  /// publish again at once.
  DroppedFields dropped{};
  /// Somebody else wrote or removed a slice meanwhile, by what saw() was told: another pass may be
  /// due.
  bool overtaken = false;

  [[nodiscard]] unsigned writes() const { return created + updated + deleted; }
};

/// The rules are those of Kubernetes' own helper library: a pool's slices of one generation are
/// complete when there are as many as each of them says; a generation stays as long as at most one
/// slice of the pool changes; what is too many goes first, then what differs is replaced, then what
/// is missing is made. Every write is conditional on what was read. Not thread-safe, except for
/// saw and names.
class Publisher {
 public:
  /// `api` outlives this object.
  Publisher(kube::Api& api, PublisherSettings settings);

  /// The node's slices of this driver, as a collection and as a field selector: what to watch.
  [[nodiscard]] kube::Resource collection() const;
  [[nodiscard]] std::string field_selector() const;

  /// Reads what the server has, and writes what differs from `pools`: nothing, if nothing does. A
  /// pool that can't be written does not keep others from being written; the first error comes
  /// back.
  [[nodiscard]] Result<Published> publish(const std::vector<Pool>& pools,
                                          const std::stop_token& stop = {});
  /// The same, but asks the server for nothing of which it knows how it is: the slices that a pass
  /// of this object has left and that nobody has touched since, by what saw() was told.
  [[nodiscard]] Result<Published> publish_changes(const std::vector<Pool>& pools,
                                                  const std::stop_token& stop = {});
  /// The same, over what the caller knows.
  [[nodiscard]] Result<Published> publish(const std::vector<Pool>& pools, KnownNode known,
                                          const std::stop_token& stop = {});

  /// The names of the node's slices, as this object left them. Any thread.
  [[nodiscard]] std::set<std::string> names() const;
  /// Takes these slices, of which metadata is enough, for what this object has left.
  void adopt(const std::vector<nlohmann::json>& slices);
  /// Tells of a slice that a watch reports (`deleted`: as gone). True: it is another than this
  /// object left it, so that another pass may be due. During a pass always false, since the event
  /// of a write may come before its reply: what is to be said then is in Published::overtaken. Any
  /// thread.
  [[nodiscard]] bool saw(const nlohmann::json& slice, bool deleted);

 private:
  class Pass;

  /// What a watch has reported of a slice.
  struct Report {
    std::string version;
    bool deleted = false;
  };
  using Objects = std::map<std::string, nlohmann::json>;  ///< by name

  /// From now on what is reported is held against a pass. Gives the slices as the last one left
  /// them.
  std::optional<Objects> begin_pass();
  [[nodiscard]] Result<Published> run(Pass pass, const std::vector<Pool>& pools);
  [[nodiscard]] bool is_news(const std::string& name, const Report& report) const;

  /// What a server made of a slice that it did not store as it was sent.
  struct Altered {
    nlohmann::json sent;
    nlohmann::json stored;
  };

  kube::Api& api_;
  PublisherSettings settings_;
  std::map<std::string, Altered> altered_;  ///< by name; both normalised
  DroppedFields dropped_;  ///< that nobody was told of: a pass that fails sees them as well, and no
                           ///< later one sees them again
  mutable std::mutex mutex_;
  std::map<std::string, std::string> versions_;  ///< resourceVersion by name, as it was last left
  std::optional<Objects> left_;  ///< the slices as a pass has left them; none: nobody knows
  bool in_pass_ = false;
  std::map<std::string, Report> reports_;  ///< during a pass: the last of each slice, by name
};

}  // namespace mockdev::dra
