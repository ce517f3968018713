// SPDX-License-Identifier: Apache-2.0
#include "dra/claim.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace mockdev::dra {
namespace {

using nlohmann::json;
using Env = std::map<std::string, std::string>;

constexpr std::size_t kMaxVariables = 32;
constexpr std::string_view kReservedPrefix = "MOCK_ACCEL_";
// Kubernetes puts it on the claims that it makes from templates.
constexpr const char* kPodClaimName = "resource.kubernetes.io/pod-claim-name";

/// The member, or null: what a member that is missing and one of the wrong type have in common.
const json& member(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

std::string text(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

// ---- Settings ----

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && !digit(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || digit(c); });
}

Result<void> check_variable(const std::string& name, const json& value) {
  if (!is_variable_name(name)) {
    return fail("env: \"{}\" is not the name of a variable: letters, digits and _", name);
  }
  if (name.starts_with(kReservedPrefix)) {
    return fail("env.{}: names that begin with {} are the driver's own", name, kReservedPrefix);
  }
  if (!value.is_string()) return fail("env.{}: {} is not a text", name, value.dump());
  if (value.get_ref<const std::string&>().find('\0') != std::string::npos) {
    return fail("env.{}: a variable can't hold a NUL character", name);
  }
  return {};
}

Result<Env> parse_env(const json& value) {
  if (!value.is_object()) return fail("env: {} is not a map of texts", value.dump());
  if (value.size() > kMaxVariables) {
    return fail("env: {} variables are more than the {} that are possible", value.size(),
                kMaxVariables);
  }
  Env env;
  for (const auto& [name, content] : value.items()) {
    if (auto checked = check_variable(name, content); !checked) {
      return std::unexpected(checked.error());
    }
    env[name] = content.get<std::string>();
  }
  return env;
}

Result<Env> parse_config(const json& parameters, const DriverName& driver) {
  const std::string version = fmt::format("config.{}/v1", driver);
  if (!parameters.is_object()) return fail("{} is not a map", parameters.dump());
  if (text(parameters, "kind") != kConfigKind) {
    return fail("kind: {} is not {}", member(parameters, "kind").dump(), kConfigKind);
  }
  if (text(parameters, "apiVersion") != version) {
    return fail("apiVersion: {} is not {}", member(parameters, "apiVersion").dump(), version);
  }
  Env env;
  for (const auto& [name, value] : parameters.items()) {
    if (name == "kind" || name == "apiVersion") continue;
    if (name != "env") return fail("{}: there is no such field; there is env", name);
    auto parsed = parse_env(value);
    if (!parsed) return parsed;
    env = std::move(*parsed);
  }
  return env;
}

/// "request" of "request/subrequest".
std::string base_request(std::string_view request) {
  return std::string(request.substr(0, request.find('/')));
}

/// An entry without requests is for all of them; one for "a" is also for its subrequests.
bool is_for(const json& config, const std::string& request) {
  const json& requests = member(config, "requests");
  if (!requests.is_array() || requests.empty()) return true;
  return std::ranges::any_of(requests, [&](const json& name) {
    if (!name.is_string()) return false;
    const auto& wanted = name.get_ref<const std::string&>();
    return wanted == request || wanted == base_request(request);
  });
}

/// What all entries together say for a request. Later ones win: the API server puts those of the
/// device class before those of the claim.
Result<Env> env_for(const json& allocation, const std::string& request, const DriverName& driver) {
  Env env;
  std::size_t index = 0;
  for (const json& config : member(member(allocation, "devices"), "config")) {
    const json& opaque = member(config, "opaque");
    const std::size_t place = index++;
    if (text(opaque, "driver") != driver.text() || !is_for(config, request)) continue;
    auto parsed = parse_config(member(opaque, "parameters"), driver);
    if (!parsed) {
      return with_context(
          fmt::format("status.allocation.devices.config[{}].opaque.parameters", place),
          parsed.error());
    }
    for (auto& [name, value] : *parsed) env[name] = std::move(value);
  }
  return env;
}

/// Of an allocation. One that names no nodes may be for each of them.
bool is_for_node(const json& allocation, const NodeName& node) {
  bool named = false;
  for (const json& term : member(member(allocation, "nodeSelector"), "nodeSelectorTerms")) {
    for (const json& field : member(term, "matchFields")) {
      if (text(field, "key") != "metadata.name") continue;
      named = true;
      const json& values = member(field, "values");
      if (std::ranges::find(values, json(node.text())) != values.end()) return true;
    }
  }
  return !named;
}

// ---- The claim ----

Result<std::vector<AllocatedDevice>> parse_devices(const json& allocation,
                                                   const DriverName& driver) {
  std::vector<AllocatedDevice> devices;
  for (const json& result : member(member(allocation, "devices"), "results")) {
    if (text(result, "driver") != driver.text()) continue;
    const std::string request = text(result, "request");
    auto env = env_for(allocation, request, driver);
    if (!env) return std::unexpected(env.error());
    AllocatedDevice device{.request = base_request(request),
                           .requested_as = request,
                           .pool = PoolName(text(result, "pool")),
                           .device = DeviceName(text(result, "device")),
                           .admin_access = member(result, "adminAccess") == json(true),
                           .share_id = std::nullopt,
                           .env = std::move(*env)};
    if (auto share = text(result, "shareID"); !share.empty()) device.share_id = std::move(share);
    devices.push_back(std::move(device));
  }
  return devices;
}

std::vector<std::string> pod_names(const json& status) {
  std::vector<std::string> names;
  for (const json& consumer : member(status, "reservedFor")) {
    if (text(consumer, "resource") == "pods") names.push_back(text(consumer, "name"));
  }
  return names;
}

}  // namespace

std::string to_string(const Claim& claim) {
  return fmt::format("{}/{} ({})", claim.ns, claim.name, claim.uid);
}

kube::Resource claim_collection(const std::string& api_version) {
  return {.group = "resource.k8s.io", .version = api_version, .plural = "resourceclaims"};
}

kube::Resource claim_resource(const std::string& api_version, const std::string& ns,
                              const std::string& name) {
  return claim_collection(api_version).in_namespace(ns).named(name);
}

ClaimedDeviceId id_of(const AllocatedDevice& device) {
  return {.pool = device.pool, .device = device.device, .share_id = device.share_id};
}

Result<Claim> parse_claim(const json& object, const ClaimUid& expected, const DriverName& driver) {
  const json& metadata = member(object, "metadata");
  Claim claim{.ns = text(metadata, "namespace"),
              .name = text(metadata, "name"),
              .uid = ClaimUid(text(metadata, "uid")),
              .pod_claim_name = std::nullopt,
              .pods = {},
              .devices = {},
              .statuses = {}};
  const std::string what = fmt::format("claim {}/{}", claim.ns, claim.name);
  if (claim.uid != expected) {
    return fail("{}: its UID is {} and not {}: it was replaced", what, claim.uid, expected);
  }
  const json& status = member(object, "status");
  const json& allocation = member(status, "allocation");
  if (!allocation.is_object()) return fail("{}: it is not allocated", what);
  auto devices = parse_devices(allocation, driver);
  if (!devices) return with_context(what, devices.error());
  auto pod_claim_name = text(member(metadata, "annotations"), kPodClaimName);
  if (!pod_claim_name.empty()) claim.pod_claim_name = std::move(pod_claim_name);
  claim.pods = pod_names(status);
  claim.devices = std::move(*devices);
  claim.statuses = parse_device_statuses(object, driver);
  return claim;
}

bool is_given(const json& claim, const NodeName& node, const DeviceName& device) {
  const json& allocation = member(member(claim, "status"), "allocation");
  const json& results = member(member(allocation, "devices"), "results");
  return is_for_node(allocation, node) && std::ranges::any_of(results, [&](const json& result) {
           return text(result, "device") == device.text() &&
                  member(result, "adminAccess") != json(true);
         });
}

Uuid owner_uuid(const ClaimUid& uid) {
  const auto parsed = parse_uuid(uid.text());
  // The nil UUID means "nobody" in a device.
  if (parsed && !parsed->is_nil()) return *parsed;
  return uuid_of_name("claim " + uid.text());
}

}  // namespace mockdev::dra
