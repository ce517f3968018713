// SPDX-License-Identifier: Apache-2.0
#include "dra/prepare.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "base/log.h"
#include "dra/fault_points.h"
#include "dra/slices.h"

namespace mockdev::dra {

using discovery::Device;
using discovery::Held;
using discovery::OwnerError;

/// What a result of the claim means on this machine.
struct Preparer::Target {
  const AllocatedDevice* allocated;
  Device device;
};

namespace {

const Device* find(const discovery::Inventory& inventory, const DeviceName& name) {
  const auto found = std::ranges::find_if(
      inventory.devices, [&](const Device& device) { return device_name(device.name) == name; });
  return found == inventory.devices.end() ? nullptr : &*found;
}

std::optional<Uuid> owner_of(const Device& device) {
  return device.readings ? device.readings->owner : std::nullopt;
}

CdiDevice described(const AllocatedDevice& allocated, const Device& device) {
  return {.device = allocated.device,
          .kernel_name = device.name,
          .uuid = to_string(device.uuid),
          .pci = to_string(device.pci),
          .numa = device.numa_node ? std::to_string(*device.numa_node) : "-1",
          .env = allocated.env};
}

/// None: nobody, or it does not answer.
std::optional<Uuid> holder_of(const discovery::Accelerators& accelerators,
                              const std::string& name) {
  const auto all = accelerators.held();
  const auto held = std::ranges::find(all, name, &Held::device);
  return held == all.end() ? std::nullopt : std::optional(held->owner);
}

/// Whether a file is of a card that is gone: it would keep the node from leading to one that came
/// after it.
bool is_hung_up(const UniqueFd& file) {
  pollfd source{.fd = file.get(), .events = 0, .revents = 0};
  return ::poll(&source, 1, 0) == 1 && (source.revents & POLLHUP) != 0;
}

/// Why a device is not in the inventory, for a person.
std::string absence(const discovery::Inventory& inventory, const DeviceName& name) {
  if (!inventory.module_loaded) return "the kernel module mock-accel is not loaded";
  for (const auto& problem : inventory.problems) {
    if (device_name(problem.device) == name) return problem.message;
  }
  return "this node has no such device";
}

}  // namespace

Preparer::Preparer(discovery::Accelerators& accelerators, CdiFolder cdi,
                   std::optional<MetadataFolder> metadata)
    : accelerators_(accelerators), cdi_(std::move(cdi)), metadata_(std::move(metadata)) {}

Result<std::vector<Preparer::Target>> Preparer::targets(const Claim& claim) {
  std::vector<Target> targets;
  // Those alone: a node may have hundreds of others, and reading a device takes its time.
  const discovery::Inventory inventory = accelerators_.look([&](std::string_view name) {
    return std::ranges::find(claim.devices, device_name(name), &AllocatedDevice::device) !=
           claim.devices.end();
  });
  for (const AllocatedDevice& allocated : claim.devices) {
    const Device* const device = find(inventory, allocated.device);
    if (device == nullptr) {
      return fail("device {}: {}", allocated.device, absence(inventory, allocated.device));
    }
    if (!speaks_abi(*device)) {
      return fail("device {}: abi_version {} is none of {} to {}, which this driver speaks",
                  allocated.device, device->abi_version, kOldestAbi, kNewestAbi);
    }
    targets.push_back({.allocated = &allocated, .device = *device});
  }
  return targets;
}

Result<void> Preparer::take(const Claim& claim, const std::vector<Target>& targets,
                            std::vector<std::string>& taken) {
  const Uuid holder = owner_uuid(claim.uid);
  for (const Target& target : targets) {
    if (target.allocated->admin_access || owner_of(target.device) == holder) continue;
    if (auto done = take(holder, target.device.name); !done) return done;
    taken.push_back(target.device.name);
    fault_point("device-taken");
  }
  return {};
}

Result<void> Preparer::take(const Uuid& holder, const std::string& device) {
  const auto done = accelerators_.take(device, holder);
  if (done) return {};
  if (done.error().reason != OwnerError::Reason::busy) return fail("{}", done.error().message);
  const auto other = holder_of(accelerators_, device);
  if (!other) return fail("device {} is allocated by hand (status is 1)", device);
  return fail("device {} is held by another claim, {}", device, *other);
}

void Preparer::give_back(const std::vector<std::string>& taken) {
  for (const std::string& name : taken) {
    if (const auto freed = accelerators_.free(name); !freed) {
      log::error("giving back device={}: {}", name, freed.error().message);
    }
  }
}

void Preparer::keep_open(const Uuid& holder, const std::string& name) {
  auto& files = open_[holder];
  const auto known = files.find(name);
  if (known != files.end() && !is_hung_up(known->second)) return;
  files.erase(name);
  auto file = accelerators_.open(name);
  if (file) {
    files.emplace(name, std::move(*file));
  } else {
    // The module may then be unloaded under the claim, which only an operator does.
    log::debug("device={} is not kept open: {}", name, file.error().message);
  }
}

/// Writes what the container runtime reads of the claim. Gives what the kubelet has to know.
Result<std::vector<PreparedDevice>> Preparer::describe(const Claim& claim,
                                                       const std::vector<Target>& targets) {
  std::vector<MetadataFile> files;
  if (metadata_) {
    std::vector<ClaimedDevice> claimed;
    for (const Target& target : targets) claimed.push_back({target.allocated, &target.device});
    auto written = metadata_->write(claim, claimed);
    if (!written) return std::unexpected(written.error());
    files = std::move(*written);
    fault_point("metadata-written");
  }
  std::vector<CdiDevice> devices;
  std::vector<PreparedDevice> prepared;
  for (const Target& target : targets) {
    const AllocatedDevice& allocated = *target.allocated;
    // Two requests of a claim may look at one device; CDI knows each name once.
    const auto known = std::ranges::find(devices, allocated.device, &CdiDevice::device);
    if (known == devices.end()) devices.push_back(described(allocated, target.device));
    const auto before = std::ranges::find(prepared, allocated.request, &PreparedDevice::request);
    const bool first_of_request = before == prepared.end();
    prepared.push_back({.request = allocated.request,
                        .pool = allocated.pool,
                        .device = allocated.device,
                        .cdi_ids = {cdi_.device_id(claim.uid, allocated.device)},
                        .share_id = allocated.share_id});
    if (metadata_ && first_of_request) {
      prepared.back().cdi_ids.push_back(cdi_.metadata_id(claim.uid, allocated.request));
    }
  }
  if (auto written = cdi_.write(claim.uid, devices, files); !written) {
    return std::unexpected(written.error());
  }
  return prepared;
}

Result<std::vector<PreparedDevice>> Preparer::prepare(const Claim& claim) {
  const std::lock_guard lock(mutex_);
  if (claim.devices.empty()) return {};
  const auto found = targets(claim);
  if (!found) return std::unexpected(found.error());

  std::vector<std::string> taken;
  if (auto done = take(claim, *found, taken); !done) {
    give_back(taken);
    return std::unexpected(done.error());
  }
  fault_point("all-taken");
  auto prepared = describe(claim, *found);
  if (!prepared) {
    give_back(taken);
    return prepared;
  }
  fault_point("cdi-written");
  for (const Target& target : *found) {
    if (!target.allocated->admin_access) keep_open(owner_uuid(claim.uid), target.device.name);
  }
  return prepared;
}

Result<bool> Preparer::take_again(const ClaimUid& claim, const std::string& device) {
  const std::lock_guard lock(mutex_);
  const auto claims = claims_with_files();
  if (!claims) return std::unexpected(claims.error());
  if (!claims->contains(claim)) return false;
  const Uuid holder = owner_uuid(claim);
  if (holder_of(accelerators_, device) == holder) return false;
  if (auto taken = take(holder, device); !taken) return std::unexpected(taken.error());
  keep_open(holder, device);
  return true;
}

/// A device that is gone needs no freeing. If it comes back with its owner, the next one who looks
/// for devices that claims were not given finds it.
Result<void> Preparer::free(const std::string& device) {
  const auto freed = accelerators_.free(device);
  if (!freed && freed.error().reason != OwnerError::Reason::gone) {
    return fail("{}", freed.error().message);
  }
  fault_point("device-freed");
  return {};
}

/// One that can't be freed does not keep the others from it.
Result<void> Preparer::release(const Uuid& holder) {
  // First: a device may be freed to be unplugged.
  open_.erase(holder);
  Result<void> done;
  for (const Held& held : accelerators_.held()) {
    if (held.owner != holder) continue;
    if (auto freed = free(held.device); !freed && done) done = std::move(freed);
  }
  return done;
}

Result<void> Preparer::unprepare(const ClaimUid& claim) {
  const std::lock_guard lock(mutex_);
  // The files first: no container may start with a device that is not its own any more.
  if (auto removed = remove_files(claim); !removed) return removed;
  return release(owner_uuid(claim));
}

/// The CDI file goes before what it refers to.
Result<void> Preparer::remove_files(const ClaimUid& claim) {
  if (auto removed = cdi_.remove(claim); !removed) return removed;
  fault_point("cdi-removed");
  if (!metadata_) return {};
  auto removed = metadata_->remove(claim);
  fault_point("metadata-removed");
  return removed;
}

Result<std::set<ClaimUid>> Preparer::claims_with_files() {
  const auto described = cdi_.claims();
  if (!described) return std::unexpected(described.error());
  std::set<ClaimUid> claims(described->begin(), described->end());
  if (!metadata_) return claims;
  const auto documented = metadata_->claims();
  if (!documented) return std::unexpected(documented.error());
  claims.insert(documented->begin(), documented->end());
  return claims;
}

Preparer::Holders Preparer::holders() {
  const std::lock_guard lock(mutex_);
  return holders_of(accelerators_.held());
}

/// Of these devices, and of files.
Preparer::Holders Preparer::holders_of(const std::vector<Held>& all) {
  Holders holders;
  for (const Held& held : all) holders[held.owner].push_back(held.device);
  const auto claims = claims_with_files();
  if (!claims) log::warn("{}", claims.error().message);
  for (const ClaimUid& claim : claims.value_or(std::set<ClaimUid>{})) {
    holders.try_emplace(owner_uuid(claim));
  }
  return holders;
}

Result<void> Preparer::remove_holder(const Uuid& holder) {
  const std::lock_guard lock(mutex_);
  const auto claims = claims_with_files();
  if (!claims) return std::unexpected(claims.error());
  for (const ClaimUid& claim : *claims) {
    if (owner_uuid(claim) != holder) continue;
    if (auto removed = remove_files(claim); !removed) return removed;
  }
  return release(holder);
}

Result<void> Preparer::take_away(const Uuid& holder, const std::string& device) {
  const std::lock_guard lock(mutex_);
  if (holder_of(accelerators_, device) != holder) return {};
  if (const auto files = open_.find(holder); files != open_.end()) files->second.erase(device);
  return free(device);
}

Preparer::Holders Preparer::resume() {
  const std::lock_guard lock(mutex_);
  const auto all = accelerators_.held();
  auto before = std::exchange(open_, {});
  for (const Held& held : all) {
    open_[held.owner].insert(before[held.owner].extract(held.device));
    keep_open(held.owner, held.device);
  }
  return holders_of(all);
}

void Preparer::remove_half_written() {
  const std::lock_guard lock(mutex_);
  cdi_.remove_leftovers();
}

}  // namespace mockdev::dra
