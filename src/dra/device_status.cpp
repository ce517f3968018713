// SPDX-License-Identifier: Apache-2.0
#include "dra/device_status.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "dra/slices.h"
#include "kube/json_access.h"
#include "kube/time.h"

namespace mockdev::dra {
namespace {

using discovery::Health;
using kube::text_at;
using nlohmann::json;

constexpr std::string_view kReady = "Ready";

struct HealthReason {
  Health health;
  std::string_view reason;
};
constexpr std::array<HealthReason, 4> kHealthReasons = {{
    {.health = Health::healthy, .reason = "Prepared"},
    {.health = Health::degraded, .reason = "Degraded"},
    {.health = Health::failed, .reason = "Failed"},
    {.health = Health::gone, .reason = "Gone"},
}};

DeviceFacts facts_of(const discovery::Device& device) {
  DeviceFacts facts{.uuid = to_string(device.uuid),
                    .pci_address = to_string(device.pci),
                    .numa_node = std::nullopt};
  if (device.numa_node) facts.numa_node = *device.numa_node;
  return facts;
}

json data_json(const DeviceFacts& facts) {
  json data = json::object();
  if (!facts.uuid.empty()) data["uuid"] = facts.uuid;
  if (!facts.pci_address.empty()) data["pciAddress"] = facts.pci_address;
  if (facts.numa_node) data["numaNode"] = *facts.numa_node;
  return data;
}

DeviceFacts parse_facts(const json& entry) {
  DeviceFacts facts{.uuid = text_at(entry, {"data", "uuid"}),
                    .pci_address = text_at(entry, {"data", "pciAddress"}),
                    .numa_node = std::nullopt};
  const json* const numa = kube::member(entry, {"data", "numaNode"});
  if (numa != nullptr && numa->is_number_integer()) facts.numa_node = numa->get<std::int64_t>();
  return facts;
}

DeviceStatus parse_entry(const json& entry) {
  DeviceStatus status{.id = {.pool = PoolName(text_at(entry, {"pool"})),
                             .device = DeviceName(text_at(entry, {"device"})),
                             .share_id = std::nullopt},
                      .facts = parse_facts(entry)};
  if (auto share = text_at(entry, {"shareID"}); !share.empty())
    status.id.share_id = std::move(share);
  for (const json& condition : entry.value("conditions", json::array())) {
    if (text_at(condition, {"type"}) != kReady) continue;
    status.ready = text_at(condition, {"status"}) == "True";
    status.reason = text_at(condition, {"reason"});
    status.message = text_at(condition, {"message"});
    status.since = text_at(condition, {"lastTransitionTime"});
  }
  return status;
}

}  // namespace

DeviceStatus device_status(const ClaimedDeviceId& id, const discovery::Device* device,
                           const DeviceStatus* before, std::chrono::system_clock::time_point now) {
  DeviceStatus status{.id = id, .reason = "Gone", .message = "this node has no such device"};
  if (device != nullptr) {
    status.ready = device->health == Health::healthy;
    status.reason =
        std::ranges::find(kHealthReasons, device->health, &HealthReason::health)->reason;
    status.message = fmt::format("the device is {}", to_string(device->health));
    status.facts = facts_of(*device);
  } else if (before != nullptr) {
    status.facts = before->facts;
  }
  const bool as_before =
      before != nullptr && !before->since.empty() && before->ready == status.ready;
  status.since = as_before ? before->since : kube::second_time(now);
  return status;
}

DevicesByName by_name(std::vector<discovery::Device> devices) {
  DevicesByName named;
  for (discovery::Device& device : devices) {
    const DeviceName name = device_name(device.name);
    named.insert_or_assign(name, std::move(device));
  }
  return named;
}

DeviceStatus device_status(const ClaimedDeviceId& id, const DevicesByName& devices,
                           const DeviceStatus* before, std::chrono::system_clock::time_point now) {
  const auto device = devices.find(id.device);
  return device_status(id, device == devices.end() ? nullptr : &device->second, before, now);
}

json device_status_json(const DeviceStatus& status, const DriverName& driver) {
  json entry = {{"driver", driver.text()},
                {"pool", status.id.pool.text()},
                {"device", status.id.device.text()},
                {"conditions",
                 {{{"type", kReady},
                   {"status", status.ready ? "True" : "False"},
                   {"reason", status.reason},
                   {"message", status.message},
                   {"lastTransitionTime", status.since}}}},
                {"data", data_json(status.facts)}};
  if (status.id.share_id) entry["shareID"] = *status.id.share_id;
  return entry;
}

std::vector<DeviceStatus> parse_device_statuses(const json& claim, const DriverName& driver) {
  std::vector<DeviceStatus> statuses;
  const json* const entries = kube::member(claim, {"status", "devices"});
  if (entries == nullptr) return statuses;
  for (const json& entry : *entries) {
    if (text_at(entry, {"driver"}) == driver.text()) statuses.push_back(parse_entry(entry));
  }
  return statuses;
}

}  // namespace mockdev::dra
