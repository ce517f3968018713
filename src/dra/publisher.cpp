// SPDX-License-Identifier: Apache-2.0
#include "dra/publisher.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "kube/json_access.h"

namespace mockdev::dra {
namespace {

using kube::number_at;
using kube::text_at;
using nlohmann::json;

constexpr std::int64_t kFirstGeneration = 1;

/// A slice that the server has.
struct Stored {
  json object;
  std::string name;
  std::int64_t generation = 0;
  json content;  ///< normalised
};

Stored stored(json object) {
  Stored slice;
  slice.name = text_at(object, {"metadata", "name"});
  slice.generation = number_at(object, {"spec", "pool", "generation"});
  slice.content = normalized_content(object.value("spec", json::object()));
  slice.object = std::move(object);
  return slice;
}

/// The last part of a pool's name, for the name of an object: "numa0".
std::string label_of(const PoolName& pool) {
  return pool.text().substr(pool.text().rfind('/') + 1);
}

/// How many devices two contents share, by name. Counter slices: whether both are of that kind.
std::size_t likeness(const json& a, const json& b) {
  const auto list = [](const json& content, const char* name) {
    return content.contains(name) ? content.at(name) : json::array();
  };
  std::size_t common = 0;
  for (const char* const member : {"devices", "sharedCounters"}) {
    for (const json& mine : list(a, member)) {
      common +=
          static_cast<std::size_t>(std::ranges::count_if(list(b, member), [&](const json& other) {
            return mine.value("name", "") == other.value("name", "");
          }));
    }
  }
  return common;
}

}  // namespace

std::string simulated_label(const DriverName& driver) {
  return fmt::format("{}/simulated", driver);
}

bool is_simulated(const json& slice, const DriverName& driver) {
  return text_at(slice, {"metadata", "labels", simulated_label(driver)}) == "true";
}

kube::Resource slice_collection(const std::string& api_version) {
  return {.group = "resource.k8s.io", .version = api_version, .plural = "resourceslices"};
}

/// One pass over all pools.
class Publisher::Pass {
 public:
  /// `left` are the slices if earlier passes have left them so; without, and without `known`, the
  /// server is asked.
  Pass(Publisher& publisher, std::optional<Objects> left, std::optional<KnownNode> known,
       const std::stop_token& stop)
      : publisher_(publisher),
        settings_(publisher.settings_),
        left_(std::move(left)),
        known_(std::move(known)),
        limits_{.stop = stop} {}

  Result<Published> run(const std::vector<Pool>& pools) {
    auto existing = read();
    if (!existing) return std::unexpected(existing.error());
    std::optional<Error> problem;
    const auto note = [&](Result<void> done) {
      if (!done && !problem) problem = std::move(done.error());
    };
    for (const Pool& pool : pools) {
      auto node = existing->extract(pool.name);
      note(write_pool(pool, node ? std::move(node.mapped()) : std::vector<Stored>{}));
      // The next pass has other pools: the rest of this one would only be undone.
      if (publisher_.dropped_.counters) return published_;
    }
    for (const auto& [name, slices] : *existing) {
      for (const Stored& slice : slices) note(remove(slice));
    }
    if (problem) return std::unexpected(*problem);
    return published_;
  }

  /// The slices as this pass has left them. None: whoever knows the node keeps them.
  [[nodiscard]] std::optional<Objects> take_left() { return std::move(left_); }

 private:
  using ByPool = std::map<PoolName, std::vector<Stored>>;

  Result<ByPool> read() {
    owners_stay_ = left_.has_value();
    auto objects = known_ ? Result<std::vector<json>>(std::move(known_->slices)) : all_left();
    if (!objects) return std::unexpected(objects.error());
    ByPool pools;
    std::map<std::string, std::string> versions;
    for (json& object : *objects) {
      Stored slice = stored(std::move(object));
      versions[slice.name] = text_at(slice.object, {"metadata", "resourceVersion"});
      pools[PoolName(text_at(slice.object, {"spec", "pool", "name"}))].push_back(std::move(slice));
    }
    const std::lock_guard lock(publisher_.mutex_);
    publisher_.versions_ = std::move(versions);
    return pools;
  }

  Result<std::vector<json>> all_left() {
    if (!left_) {
      auto list = publisher_.api_.list(publisher_.collection(),
                                       {.field_selector = publisher_.field_selector()}, limits_);
      if (!list) return std::unexpected(to_error(list.error()));
      left_.emplace();
      for (json& object : (*list)["items"]) {
        std::string name = text_at(object, {"metadata", "name"});
        left_->emplace(std::move(name), std::move(object));
      }
    }
    std::vector<json> objects;
    for (const auto& [name, object] : *left_) objects.push_back(object);
    return objects;
  }

  /// For each slice of the pool the stored one that it continues, if there is one. Equal content
  /// first, then the most devices in common: so that as little as possible is written.
  static std::vector<std::optional<Stored>> match(const std::vector<json>& contents,
                                                  std::vector<Stored>& candidates) {
    std::vector<std::optional<Stored>> matches(contents.size());
    const auto claim_best = [&](std::size_t index, auto&& score) {
      const auto best = std::ranges::max_element(candidates, {}, score);
      if (best == candidates.end() || score(*best) == 0) return;
      matches[index] = std::move(*best);
      candidates.erase(best);
    };
    for (std::size_t index = 0; index < contents.size(); ++index) {
      claim_best(index, [&](const Stored& candidate) -> std::size_t {
        return candidate.content == contents[index] ? 1 : 0;
      });
    }
    for (std::size_t index = 0; index < contents.size(); ++index) {
      if (matches[index]) continue;
      claim_best(index, [&](const Stored& candidate) {
        return likeness(candidate.content, contents[index]);
      });
    }
    return matches;
  }

  /// What brings the server from the slices that it has of a pool to those that it should have.
  struct Plan {
    std::vector<json> contents;                  ///< one a slice of the pool
    std::vector<std::optional<Stored>> matches;  ///< the stored slice that each continues
    std::vector<bool> changed;                   ///< whether that one has to be written
    std::vector<Stored> obsolete;
    std::int64_t generation = kFirstGeneration;
  };

  [[nodiscard]] Plan plan_for(const Pool& pool, std::vector<Stored> existing) const {
    Plan plan;
    for (const Stored& slice : existing) {
      plan.generation = std::max(plan.generation, slice.generation);
    }
    // Older generations are obsolete, whatever they hold.
    std::vector<Stored> candidates;
    for (Stored& slice : existing) {
      const bool newest = slice.generation == plan.generation;
      (newest ? candidates : plan.obsolete).push_back(std::move(slice));
    }
    std::vector<json> wanted;
    for (const Slice& slice : pool.slices) {
      plan.contents.push_back(content_json(slice, settings_.api_version));
      wanted.push_back(normalized_content(plan.contents.back()));
    }
    plan.matches = match(wanted, candidates);
    std::ranges::move(candidates, std::back_inserter(plan.obsolete));
    for (std::size_t index = 0; index < wanted.size(); ++index) {
      const auto& match = plan.matches[index];
      plan.changed.push_back(match && !is_as_wanted(*match, wanted[index], pool));
    }

    // A reader takes the newest generation alone: one slice may change within it, but not two, and
    // none may come.
    const auto missing = std::ranges::count(plan.matches, false, &std::optional<Stored>::has_value);
    const bool fresh = std::cmp_equal(missing, wanted.size()) && plan.obsolete.empty();
    const bool next = missing > 0 || std::ranges::count(plan.changed, true) > 1;
    if (next && !fresh) ++plan.generation;
    if (next) plan.changed.assign(wanted.size(), true);
    return plan;
  }

  Result<void> write_pool(const Pool& pool, std::vector<Stored> existing) {
    const Plan to_do = plan_for(pool, std::move(existing));
    for (const Stored& slice : to_do.obsolete) {
      if (auto done = remove(slice); !done) return done;
    }
    for (std::size_t index = 0; index < to_do.matches.size(); ++index) {
      const auto& match = to_do.matches[index];
      if (!match || !to_do.changed[index]) continue;
      auto done = update(*match, to_do.contents[index], pool, to_do.generation);
      if (!done) return done;
    }
    for (std::size_t index = 0; index < to_do.matches.size(); ++index) {
      if (to_do.matches[index] || publisher_.dropped_.counters) continue;
      auto done = create(index, to_do.contents[index], pool, to_do.generation);
      if (!done) return done;
    }
    return {};
  }

  /// Whether a stored slice says what it should, apart from the generation.
  [[nodiscard]] bool is_as_wanted(const Stored& slice, const json& wanted, const Pool& pool) const {
    const json& spec = slice.object.at("spec");
    if (std::cmp_not_equal(number_at(spec, {"pool", "resourceSliceCount"}), pool.slices.size())) {
      return false;
    }
    if (!belongs_to_node(slice)) return false;
    if (is_simulated(slice.object, settings_.driver) != settings_.simulated) return false;
    if (slice.content == wanted) return true;
    const auto altered = publisher_.altered_.find(slice.name);
    return altered != publisher_.altered_.end() && altered->second.sent == wanted &&
           altered->second.stored == slice.content;
  }

  [[nodiscard]] bool belongs_to_node(const Stored& slice) const {
    const json::json_pointer owner_name("/metadata/ownerReferences/0/name");
    return slice.object.value(owner_name, std::string()) == settings_.node.text();
  }

  /// The Node as the owner of slices: they go when it goes. Asked for only where something is to be
  /// written, and then anew: a node that was removed and joined again has another UID. A slice that
  /// is still there as an earlier pass left it keeps its owner, since with the Node it would go.
  Result<json> owner() {
    if (owner_) return *owner_;
    auto uid = known_ ? Result<std::string>(known_->uid) : ask_uid();
    if (!uid) return std::unexpected(uid.error());
    owner_ = json::array({{{"apiVersion", "v1"},
                           {"kind", "Node"},
                           {"name", settings_.node.text()},
                           {"uid", std::move(*uid)},
                           {"controller", true}}});
    return *owner_;
  }

  Result<std::string> ask_uid() {
    const auto node = publisher_.api_.get(
        {.version = "v1", .plural = "nodes", .name = settings_.node.text()}, limits_);
    if (!node) return std::unexpected(to_error(node.error()));
    return text_at(*node, {"metadata", "uid"});
  }

  void label(json& metadata) const {
    const std::string name = simulated_label(settings_.driver);
    if (settings_.simulated) {
      metadata["labels"][name] = "true";
    } else if (metadata.contains("labels")) {
      metadata["labels"].erase(name);
    }
  }

  [[nodiscard]] json spec(const json& content, const Pool& pool, std::int64_t generation) const {
    json spec = content;
    spec["driver"] = settings_.driver.text();
    spec["nodeName"] = settings_.node.text();
    spec["pool"] = {{"name", pool.name.text()},
                    {"generation", generation},
                    {"resourceSliceCount", pool.slices.size()}};
    return spec;
  }

  Result<void> create(std::size_t index, const json& content, const Pool& pool,
                      std::int64_t generation) {
    const auto node = owner();
    if (!node) return std::unexpected(node.error());
    const std::string prefix =
        settings_.ordered_names
            ? fmt::format("{:05x}-{}-{}-", index, settings_.driver, settings_.node)
            : fmt::format("{}-{}-", settings_.node, settings_.driver);
    json object = {{"apiVersion", "resource.k8s.io/" + settings_.api_version},
                   {"kind", "ResourceSlice"},
                   {"metadata", {{"generateName", prefix}, {"ownerReferences", *node}}},
                   {"spec", spec(content, pool, generation)}};
    label(object["metadata"]);
    if (settings_.simulated) object["metadata"]["name"] = prefix + label_of(pool.name);
    auto created = publisher_.api_.create(publisher_.collection(), object, limits_);
    if (!created && settings_.simulated && created.error().is(kube::reason::kAlreadyExists)) {
      object["metadata"].erase("name");
      created = publisher_.api_.create(publisher_.collection(), object, limits_);
    }
    if (!created) return std::unexpected(to_error(created.error()));
    ++published_.created;
    note_stored(content, *created, pool);
    return {};
  }

  Result<void> update(const Stored& slice, const json& content, const Pool& pool,
                      std::int64_t generation) {
    json object = slice.object;  // with its resourceVersion: somebody else's change is a conflict
    if (!owners_stay_ || !belongs_to_node(slice)) {
      const auto node = owner();
      if (!node) return std::unexpected(node.error());
      object["metadata"]["ownerReferences"] = *node;
    }
    label(object["metadata"]);
    object["spec"] = spec(content, pool, generation);
    const auto updated =
        publisher_.api_.update(publisher_.collection().named(slice.name), object, limits_);
    if (!updated) return std::unexpected(to_error(updated.error()));
    ++published_.updated;
    note_stored(content, *updated, pool);
    return {};
  }

  Result<void> remove(const Stored& slice) {
    const auto removed = publisher_.api_.remove(
        publisher_.collection().named(slice.name),
        {.uid = text_at(slice.object, {"metadata", "uid"}),
         .resource_version = text_at(slice.object, {"metadata", "resourceVersion"})},
        limits_);
    if (!removed && !removed.error().is(kube::reason::kNotFound)) {
      return std::unexpected(to_error(removed.error()));
    }
    if (removed) ++published_.deleted;
    publisher_.altered_.erase(slice.name);
    if (left_) left_->erase(slice.name);
    const std::lock_guard lock(publisher_.mutex_);
    publisher_.versions_.erase(slice.name);
    return {};
  }

  /// Remembers what came back of a write, and sees whether it is what was sent.
  void note_stored(const json& content, const json& object, const Pool& pool) {
    Stored slice = stored(object);
    const json sent = normalized_content(content);
    publisher_.altered_.erase(slice.name);
    if (slice.content != sent) {
      const DroppedFields dropped = dropped_fields(sent, slice.content);
      publisher_.dropped_.taints |= dropped.taints;
      publisher_.dropped_.counters |= dropped.counters;
      log::warn("pool={} slice={}: the API server did not keep all that was sent{}{}", pool.name,
                slice.name, dropped.taints ? "; feature gate DRADeviceTaints is off" : "",
                dropped.counters ? "; feature gate DRAPartitionableDevices is off" : "");
      publisher_.altered_[slice.name] = {.sent = sent, .stored = slice.content};
    }
    if (left_) left_->insert_or_assign(slice.name, object);
    const std::lock_guard lock(publisher_.mutex_);
    publisher_.versions_[slice.name] = text_at(object, {"metadata", "resourceVersion"});
  }

  Publisher& publisher_;
  const PublisherSettings& settings_;
  std::optional<Objects> left_;
  bool owners_stay_ = false;
  std::optional<KnownNode> known_;
  kube::CallLimits limits_;
  std::optional<json> owner_;
  Published published_;
};

Publisher::Publisher(kube::Api& api, PublisherSettings settings)
    : api_(api), settings_(std::move(settings)) {}

kube::Resource Publisher::collection() const {
  return slice_collection(settings_.api_version);
}

std::string Publisher::field_selector() const {
  return fmt::format("spec.driver={},spec.nodeName={}", settings_.driver, settings_.node);
}

Result<Published> Publisher::publish(const std::vector<Pool>& pools, const std::stop_token& stop) {
  begin_pass();
  return run(Pass(*this, std::nullopt, std::nullopt, stop), pools);
}

Result<Published> Publisher::publish_changes(const std::vector<Pool>& pools,
                                             const std::stop_token& stop) {
  return run(Pass(*this, begin_pass(), std::nullopt, stop), pools);
}

Result<Published> Publisher::publish(const std::vector<Pool>& pools, KnownNode known,
                                     const std::stop_token& stop) {
  begin_pass();
  return run(Pass(*this, std::nullopt, std::move(known), stop), pools);
}

std::optional<Publisher::Objects> Publisher::begin_pass() {
  const std::lock_guard lock(mutex_);
  in_pass_ = true;
  return std::exchange(left_, std::nullopt);
}

Result<Published> Publisher::run(Pass pass, const std::vector<Pool>& pools) {
  auto published = pass.run(pools);
  if (published) published->dropped = std::exchange(dropped_, {});
  const std::lock_guard lock(mutex_);
  in_pass_ = false;
  for (const auto& [name, report] : std::exchange(reports_, {})) {
    if (published && is_news(name, report)) published->overtaken = true;
  }
  left_ = published && !published->overtaken ? pass.take_left() : std::nullopt;
  return published;
}

void Publisher::adopt(const std::vector<json>& slices) {
  const std::lock_guard lock(mutex_);
  for (const json& slice : slices) {
    versions_[text_at(slice, {"metadata", "name"})] =
        text_at(slice, {"metadata", "resourceVersion"});
  }
}

std::set<std::string> Publisher::names() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const auto& [name, version] : versions_) names.insert(name);
  return names;
}

bool Publisher::saw(const json& slice, bool deleted) {
  const std::string name = text_at(slice, {"metadata", "name"});
  Report report{.version = text_at(slice, {"metadata", "resourceVersion"}), .deleted = deleted};
  const std::lock_guard lock(mutex_);
  if (in_pass_) {
    reports_[name] = std::move(report);
    return false;
  }
  const bool news = is_news(name, report);
  if (news) left_.reset();
  return news;
}

/// Needs the mutex.
bool Publisher::is_news(const std::string& name, const Report& report) const {
  const auto known = versions_.find(name);
  if (report.deleted) return known != versions_.end();
  return known == versions_.end() || known->second != report.version;
}

}  // namespace mockdev::dra
