// SPDX-License-Identifier: Apache-2.0
// An API server and a machine's accelerators as this room's tests have them.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/unique_fd.h"
#include "discovery/accelerators.h"
#include "dra/claim.h"
#include "kube/api.h"

namespace mockdev::dra {

inline const ClaimUid kUid("11111111-2222-4333-8444-555555555555");

/// Keeps objects by the path of their resource. What a write does besides is a test's to say. Its
/// operations are thread-safe; a test looks at its members when no thread of the tested is at work.
class FakeApi : public kube::Api {
 public:
  std::map<std::string, nlohmann::json> objects;
  std::vector<std::string> writes;  ///< "create", "update", "delete", in their order
  std::size_t questions = 0;        ///< gets and lists
  /// Changes what a write stores, as feature gates do. May be empty.
  std::function<void(nlohmann::json& object)> on_store;
  /// The reason with which the next write fails. Empty: it does not.
  std::string next_failure;

  void put(const kube::Resource& where, nlohmann::json object) {
    object["metadata"]["name"] = where.name;
    store(where, std::move(object));
  }

  kube::ApiResult<nlohmann::json> get(const kube::Resource& object,
                                      const kube::CallLimits& limits = {}) override {
    const std::lock_guard lock(mutex_);
    ++questions;
    if (limits.stop.stop_requested()) return error(kube::reason::kCancelled, object);
    const auto found = objects.find(path_of(object));
    if (found == objects.end()) return error(kube::reason::kNotFound, object);
    return found->second;
  }

  kube::ApiResult<nlohmann::json> list(const kube::Resource& collection,
                                       const kube::ListOptions& options = {},
                                       const kube::CallLimits& /*limits*/ = {}) override {
    const std::lock_guard lock(mutex_);
    ++questions;
    nlohmann::json items = nlohmann::json::array();
    for (const auto& [path, object] : objects) {
      // Objects of all namespaces, as the real one has it.
      const bool inside = path.find("/" + collection.plural + "/") != std::string::npos;
      if (!inside) continue;
      items.push_back(object);
      if (options.trim) options.trim(items.back());
    }
    return nlohmann::json{{"items", std::move(items)}, {"metadata", {{"resourceVersion", "1"}}}};
  }

  kube::ApiResult<nlohmann::json> create(const kube::Resource& collection,
                                         const nlohmann::json& object,
                                         const kube::CallLimits& /*limits*/ = {}) override {
    const std::lock_guard lock(mutex_);
    if (auto failure = failing(collection)) return *failure;
    writes.emplace_back("create");
    nlohmann::json made = object;
    nlohmann::json& metadata = made["metadata"];
    if (!metadata.contains("name")) {
      metadata["name"] = metadata.value("generateName", "") + std::to_string(++counter_);
    }
    metadata["uid"] = "uid-" + std::to_string(++counter_);
    return store(collection.named(metadata["name"]), std::move(made));
  }

  kube::ApiResult<nlohmann::json> update(const kube::Resource& object,
                                         const nlohmann::json& content,
                                         const kube::CallLimits& /*limits*/ = {}) override {
    const std::lock_guard lock(mutex_);
    if (auto failure = failing(object)) return *failure;
    const auto found = objects.find(path_of(object));
    if (found == objects.end()) return error(kube::reason::kNotFound, object);
    if (version(content) != version(found->second)) return error(kube::reason::kConflict, object);
    writes.emplace_back("update");
    return store(object, content);
  }

  kube::ApiResult<void> remove(const kube::Resource& object,
                               const kube::Preconditions& preconditions = {},
                               const kube::CallLimits& /*limits*/ = {}) override {
    const std::lock_guard lock(mutex_);
    if (auto failure = failing(object)) return std::unexpected(failure->error());
    const auto found = objects.find(path_of(object));
    if (found == objects.end()) return error(kube::reason::kNotFound, object);
    if (preconditions.resource_version != version(found->second)) {
      return error(kube::reason::kConflict, object);
    }
    writes.emplace_back("delete");
    objects.erase(found);
    return {};
  }

  kube::ApiResult<nlohmann::json> update_status(const kube::Resource& object,
                                                const nlohmann::json& content,
                                                const kube::CallLimits& limits = {}) override {
    return update(object, content, limits);
  }
  kube::ApiResult<nlohmann::json> patch(const kube::Resource& object,
                                        const nlohmann::json& /*content*/,
                                        const kube::PatchOptions& /*options*/ = {},
                                        const kube::CallLimits& /*limits*/ = {}) override {
    const std::lock_guard lock(mutex_);
    return error(kube::reason::kBadRequest, object);
  }
  kube::ApiResult<void> watch(const kube::Resource& collection,
                              const kube::WatchOptions& /*options*/,
                              const std::function<void(kube::WatchEvent&&)>& /*on_event*/,
                              const kube::CallLimits& /*limits*/ = {}) override {
    const std::lock_guard lock(mutex_);
    return error(kube::reason::kBadRequest, collection);
  }
  kube::ApiResult<nlohmann::json> get_path(std::string_view path,
                                           const kube::CallLimits& /*limits*/ = {}) override {
    const std::lock_guard lock(mutex_);
    return error(kube::reason::kNotFound, {.version = "v1", .plural = std::string(path)});
  }

  kube::ApiResult<std::string> get_text(std::string_view path,
                                        const kube::CallLimits& /*limits*/ = {}) override {
    return std::unexpected(
        error(kube::reason::kNotFound, {.version = "v1", .plural = std::string(path)}).error());
  }

 private:
  static std::string version(const nlohmann::json& object) {
    return object.at("metadata").value("resourceVersion", "");
  }

  static std::unexpected<kube::ApiError> error(std::string_view reason,
                                               const kube::Resource& resource) {
    return std::unexpected(
        kube::ApiError{.reason = std::string(reason),
                       .message = fmt::format("{}: {}", to_string(resource), reason)});
  }

  std::optional<kube::ApiResult<nlohmann::json>> failing(const kube::Resource& resource) {
    if (next_failure.empty()) return std::nullopt;
    return error(std::exchange(next_failure, ""), resource);
  }

  nlohmann::json store(const kube::Resource& where, nlohmann::json object) {
    if (on_store) on_store(object);
    object["metadata"]["resourceVersion"] = std::to_string(++counter_);
    return objects[path_of(where)] = std::move(object);
  }

  std::mutex mutex_;
  int counter_ = 0;
};

/// Devices in memory that keep their owner as the kernel module does: EBUSY for a second one.
class FakeAccelerators : public discovery::Accelerators {
 public:
  discovery::Inventory inventory{.module_loaded = true, .devices = {}, .problems = {}};
  std::set<std::string> broken;             ///< devices that can neither be taken nor freed
  std::vector<std::string> log;             ///< "take mock0", "free mock0"
  mutable std::size_t looked_at = 0;        ///< devices, of which all was read
  std::map<std::string, unsigned> enabled;  ///< VFs by PF, as they were asked for
  bool refuse_vfs = false;
  mutable std::map<std::string, unsigned> opened;  ///< how often, by device

  discovery::Device& add(const std::string& name) {
    discovery::Device& device = inventory.devices.emplace_back();
    device.name = name;
    device.uuid = uuid_of_name(name);
    device.memory = 16_GiB;
    device.capabilities = 3;
    device.numa_node = 0;
    device.abi_version = 1;
    device.readings.emplace();
    device.pci = *discovery::parse_bdf("0000:11:00.0");
    device.pcie_root = "pci0000:10";
    if (name.find("_vf") != std::string::npos) {
      device.kind = discovery::Kind::vf;
      device.physfn = name.substr(0, name.find('_'));
    }
    return device;
  }

  discovery::Device& device(const std::string& name) {
    return *std::ranges::find(inventory.devices, name, &discovery::Device::name);
  }
  std::optional<Uuid> owner(const std::string& name) { return device(name).readings->owner; }

  using Accelerators::look;
  [[nodiscard]] discovery::Inventory look(const discovery::NameFilter& wanted) const override {
    discovery::Inventory seen = inventory;
    if (wanted) {
      std::erase_if(seen.devices, [&](const auto& device) { return !wanted(device.name); });
      std::erase_if(seen.problems, [&](const auto& problem) { return !wanted(problem.device); });
    }
    looked_at += seen.devices.size();
    return seen;
  }
  [[nodiscard]] std::vector<discovery::Held> held() const override {
    std::vector<discovery::Held> held;
    for (const discovery::Device& device : inventory.devices) {
      if (!device.readings || !device.readings->owner) continue;
      held.push_back({.device = device.name, .owner = *device.readings->owner});
    }
    return held;
  }

  std::expected<void, discovery::OwnerError> take(const std::string& name,
                                                  const Uuid& owner) override {
    log.push_back("take " + name);
    if (broken.contains(name)) return refuse(discovery::OwnerError::Reason::failed, name);
    auto& readings = device(name).readings;
    if (!readings) return refuse(discovery::OwnerError::Reason::gone, name);
    const bool by_hand = readings->status == discovery::Status::allocated && !readings->owner;
    if (by_hand || readings->owner.value_or(owner) != owner) {
      return refuse(discovery::OwnerError::Reason::busy, name);
    }
    readings->owner = owner;
    readings->status = discovery::Status::allocated;
    return {};
  }

  std::expected<void, discovery::OwnerError> free(const std::string& name) override {
    log.push_back("free " + name);
    if (broken.contains(name)) return refuse(discovery::OwnerError::Reason::failed, name);
    device(name).readings.emplace();
    return {};
  }

  [[nodiscard]] Result<void> enable_vfs(const std::string& pf, unsigned count) override {
    if (refuse_vfs) return fail("{}: busy", pf);
    enabled[pf] = count;
    return {};
  }
  [[nodiscard]] Result<UniqueFd> open(const std::string& name) const override {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(name, errno);
    cards_[name].emplace_back(ends[1]);
    ++opened[name];
    return UniqueFd(ends[0]);
  }

  /// The card comes back, reset. Its files of before hang up.
  void replug(const std::string& name) {
    cards_.erase(name);
    device(name).readings.emplace();
  }

 private:
  static std::unexpected<discovery::OwnerError> refuse(discovery::OwnerError::Reason reason,
                                                       const std::string& name) {
    return std::unexpected(
        discovery::OwnerError{.reason = reason, .message = name + ": owner: refused"});
  }

  mutable std::map<std::string, std::vector<UniqueFd>> cards_;  // the other ends of their files
};

}  // namespace mockdev::dra
