// SPDX-License-Identifier: Apache-2.0
// What the cluster believes of devices, beside what the nodes say.
#include <algorithm>
#include <cstdint>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster_doctor/view.h"
#include "doctor/compatibility.h"
#include "kube/json_access.h"

namespace mockdev::cluster_doctor {
namespace {

using kube::member;
using kube::number_at;
using kube::text_at;

const Advice kSlicesAdvice{
    .needed = "slices that say what the nodes have",
    .remedy =
        "look again after some seconds; then at the log of the node's agent, which writes "
        "them"};

/// A device as it is offered.
struct Offer {
  std::string pool;
  std::string device;
  std::string uuid;
  auto operator<=>(const Offer&) const = default;
};

std::string to_text(const Offer& offer) {
  return fmt::format("{}/{} ({})", offer.pool, offer.device, offer.uuid);
}

/// What a slice says of a device, in any version of the API.
const json& body_of(const json& device) {
  const json* const basic = member(device, {"basic"});
  return basic != nullptr ? *basic : device;
}

/// Whether its slice says that the node has it no more.
bool is_gone(const std::string& driver, const json& device) {
  const json* const taints = member(body_of(device), {"taints"});
  return taints != nullptr && std::ranges::any_of(*taints, [&](const json& taint) {
           return text_at(taint, {"key"}) == driver + "/health" &&
                  text_at(taint, {"value"}) == "gone";
         });
}

/// The uuid of a device, under a qualified or a short key.
std::string uuid_of(const std::string& driver, const json& device) {
  const json& body = body_of(device);
  const std::string qualified = text_at(body, {"attributes", driver + "/uuid", "string"});
  return qualified.empty() ? text_at(body, {"attributes", "uuid", "string"}) : qualified;
}

/// The slices of a pool.
struct PoolSlices {
  std::int64_t generation = -1;  ///< the newest
  std::vector<const json*> newest = {};
  unsigned outdated = 0;
};

std::map<std::string, PoolSlices> pools_of(const std::vector<json>& slices) {
  std::map<std::string, PoolSlices> pools;
  for (const json& slice : slices) {
    PoolSlices& pool = pools[text_at(slice, {"spec", "pool", "name"})];
    const std::int64_t generation = number_at(slice, {"spec", "pool", "generation"});
    if (generation > pool.generation) {
      pool.outdated += static_cast<unsigned>(pool.newest.size());
      pool.newest.clear();
      pool.generation = generation;
    }
    if (generation == pool.generation) {
      pool.newest.push_back(&slice);
    } else {
      ++pool.outdated;
    }
  }
  return pools;
}

/// But for those that are gone.
std::vector<Offer> offers_of(const std::string& driver, const std::string& pool,
                             const PoolSlices& slices) {
  std::vector<Offer> offers;
  for (const json* const slice : slices.newest) {
    const json* const devices = member(*slice, {"spec", "devices"});
    if (devices == nullptr || !devices->is_array()) continue;
    for (const json& device : *devices) {
      if (is_gone(driver, device)) continue;
      offers.push_back(
          {.pool = pool, .device = text_at(device, {"name"}), .uuid = uuid_of(driver, device)});
    }
  }
  return offers;
}

void check_pool(const std::string& name, const PoolSlices& pool, Report& report) {
  const std::int64_t wanted = number_at(*pool.newest[0], {"spec", "pool", "resourceSliceCount"});
  if (std::cmp_not_equal(pool.newest.size(), wanted)) {
    report.add(Severity::error, "pool " + name,
               fmt::format("{} of {} slices of generation {} are there", pool.newest.size(), wanted,
                           pool.generation),
               {.needed = "all slices of a pool: the scheduler gives no device of another one",
                .remedy = kSlicesAdvice.remedy});
  }
  if (pool.outdated > 0) {
    report.add(
        Severity::warning, "pool " + name,
        fmt::format("{} slices are older than generation {}", pool.outdated, pool.generation),
        {.needed = "one generation", .remedy = kSlicesAdvice.remedy});
  }
}

/// Reports what is offered twice: a name in its pool, or a device by its UUID.
void check_twice(std::vector<Offer> offers, Report& report) {
  std::ranges::sort(offers);
  std::map<std::string, const Offer*> by_uuid;
  for (const Offer& offer : offers) {
    const auto [first, is_new] = by_uuid.try_emplace(offer.uuid, &offer);
    if (is_new || offer.uuid.empty()) continue;
    report.add(Severity::error, "device " + offer.uuid,
               fmt::format("is offered twice: {} and {}", to_text(*first->second), to_text(offer)),
               {.needed = "each device in one slice of one pool",
                .remedy = "look for two installations, or slices that somebody made by hand"});
  }
}

std::vector<Offer> offers_of(const json& page) {
  std::vector<Offer> offers;
  const json* const devices = member(page, {"devices"});
  if (devices == nullptr || !devices->is_array()) return offers;
  for (const json& device : *devices) {
    offers.push_back({.pool = text_at(device, {"pool"}),
                      .device = text_at(device, {"name"}),
                      .uuid = text_at(device, {"uuid"})});
  }
  return offers;
}

/// Reports what of `these` is not among `those`.
void report_missing(const std::vector<Offer>& these, const std::vector<Offer>& those,
                    const std::string& node, std::string_view what, Report& report) {
  std::vector<std::string> missing;
  for (const Offer& offer : these) {
    if (std::ranges::find(those, offer) == those.end()) missing.push_back(to_text(offer));
  }
  if (missing.empty()) return;
  report.add(Severity::error, node, fmt::format("{}: {}", what, fmt::join(missing, ", ")),
             kSlicesAdvice);
}

// ---- Claims ----

/// The devices of this driver that a claim was given, but for those of simulated nodes.
std::vector<Offer> given_to(const ClusterView& view, const json& claim) {
  std::vector<Offer> given;
  const json* const results = member(claim, {"status", "allocation", "devices", "results"});
  if (results == nullptr || !results->is_array()) return given;
  for (const json& result : *results) {
    const std::string pool = text_at(result, {"pool"});
    const bool ours = text_at(result, {"driver"}) == view.settings.driver;
    if (!ours || view.simulated_pools.contains(pool)) continue;
    given.push_back({.pool = pool, .device = text_at(result, {"device"}), .uuid = {}});
  }
  return given;
}

/// The node that a claim's devices are on: the scheduler writes that down with them. Empty: not
/// known.
std::string node_of_claim(const json& claim) {
  const json* const terms =
      member(claim, {"status", "allocation", "nodeSelector", "nodeSelectorTerms"});
  if (terms == nullptr || !terms->is_array()) return "";
  for (const json& term : *terms) {
    for (const json& field : term.value("matchFields", json::array())) {
      const json* const values = member(field, {"values"});
      const bool names = text_at(field, {"key"}) == "metadata.name" && values != nullptr &&
                         values->is_array() && !values->empty();
      if (names && values->front().is_string()) return values->front().get<std::string>();
    }
  }
  return "";
}

/// Whether view.pods has all agents: those that Modules run, too.
bool knows_agents(const ClusterView& view) {
  return view.pods && (view.modules || view.modules.error().is(kube::reason::kNotFound));
}

/// What to do for a claim whose device is gone. Only its node's agent can let pods end.
std::string remedy_of_gone(const ClusterView& view, const json& claim) {
  constexpr std::string_view kPlugIn =
      "plug the card in again, or delete the pods that use the claim";
  const std::string node = node_of_claim(claim);
  if (!knows_agents(view) || node.empty()) {
    return fmt::format("{}; they do not end where their node has no agent: bring that back first",
                       kPlugIn);
  }
  const bool has_agent = std::ranges::any_of(*view.pods, [&](const json& pod) {
    return is_agent(pod) && is_ready(pod) && text_at(pod, {"spec", "nodeName"}) == node;
  });
  if (has_agent) return std::string(kPlugIn);
  return fmt::format(
      "bring the agent of {0} back first: without it pods that have devices do not end; if {0} is "
      "gone for good, kubectl delete pod --force ends them",
      node);
}

void check_claim(const ClusterView& view, const json& claim, const std::vector<Offer>& given,
                 const std::set<std::pair<std::string, std::string>>& offered, Report& report) {
  const std::string subject = "claim " + name_of(claim);
  for (const Offer& device : given) {
    if (offered.contains({device.pool, device.device})) continue;
    report.add(Severity::error, subject,
               fmt::format("has {}/{}, which is gone or in no slice", device.pool, device.device),
               {.needed = "the device that it was given", .remedy = remedy_of_gone(view, claim)});
  }
  const std::string since = text_at(claim, {"metadata", "deletionTimestamp"});
  if (since.empty()) return;
  std::vector<std::string> users;
  const json reserved = claim.at("status").value("reservedFor", json::array());
  for (const json& user : reserved) users.push_back(text_at(user, {"name"}));
  report.add(Severity::warning, subject,
             fmt::format("is being deleted since {}, and is reserved for {}", since,
                         users.empty() ? "nobody" : fmt::format("{}", fmt::join(users, ", "))),
             {.needed = "a node agent that takes the device back",
              .remedy = "see that the agent of the pod's node runs; a driver or module that was "
                        "removed under a pod has to come back first"});
}

}  // namespace

void check_slices(const ClusterView& view, Report& report) {
  const auto* const slices = objects_or_note(view.slices, report, "list resourceslices");
  if (slices == nullptr) return;
  std::vector<Offer> offers;
  std::map<std::string, std::vector<Offer>> by_node;
  for (const auto& [name, pool] : pools_of(*slices)) {
    check_pool(name, pool, report);
    const auto of_pool = offers_of(view.settings.driver, name, pool);
    offers.insert(offers.end(), of_pool.begin(), of_pool.end());
    auto& of_node = by_node[text_at(*pool.newest[0], {"spec", "nodeName"})];
    of_node.insert(of_node.end(), of_pool.begin(), of_pool.end());
  }
  for (const AgentReport& agent : view.reports) {
    if (!agent.page || member(*agent.page, {"devices"}) == nullptr) continue;
    const auto own = offers_of(*agent.page);
    report_missing(own, by_node[agent.node], agent.node, "in sysfs but in no slice", report);
    report_missing(by_node[agent.node], own, agent.node, "in a slice but not in sysfs", report);
  }
  const std::size_t count = offers.size();
  check_twice(std::move(offers), report);
  if (!slices->empty() || !view.simulated_pools.empty()) {
    report.ok("slices", fmt::format("{} slices offer {} devices", slices->size(), count));
  } else {
    report.add(Severity::error, "slices", "there is none: no device is offered",
               {.needed = "a node with an accelerator, its modules loaded, and an agent",
                .remedy = "mock-device doctor --node NODE says what a node is short of"});
  }
}

void check_claims(const ClusterView& view, Report& report) {
  if (!view.resource_api) {
    report_unasked(report, "list resourceclaims", view.resource_api.error());
    return;
  }
  const Objects claims = list(view.api, {.group = std::string(kube::kResourceGroup),
                                         .version = *view.resource_api,
                                         .plural = "resourceclaims"});
  const auto* const all = objects_or_note(claims, report, "list resourceclaims");
  if (all == nullptr || !view.slices) return;
  std::set<std::pair<std::string, std::string>> offered;
  for (const auto& [name, pool] : pools_of(*view.slices)) {
    for (const Offer& offer : offers_of(view.settings.driver, name, pool)) {
      offered.emplace(offer.pool, offer.device);
    }
  }
  unsigned count = 0;
  for (const json& claim : *all) {
    const auto given = given_to(view, claim);
    if (given.empty()) continue;
    ++count;
    check_claim(view, claim, given, offered, report);
  }
  report.ok("claims", fmt::format("{} have devices of this driver", count));
}

}  // namespace mockdev::cluster_doctor
