// SPDX-License-Identifier: Apache-2.0
#include "dra/device_metadata.h"

#include <algorithm>
#include <array>
#include <map>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "dra/slice_json.h"

namespace mockdev::dra {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array<const char*, 2> kVersions = {"v1beta1", "v1alpha1"};
constexpr const char* kContainerFolder = "/var/run/kubernetes.io/dra-device-attributes";

json device_json(const ClaimedDevice& claimed, const SliceSettings& settings) {
  return {{"driver", settings.driver.text()},
          {"pool", claimed.allocated->pool.text()},
          {"name", claimed.allocated->device.text()},
          {"attributes", attributes_json(attributes_of(*claimed.device, settings))}};
}

/// The objects of a request's file, one a version.
std::string content(const Claim& claim, const std::vector<ClaimedDevice>& devices,
                    const SliceSettings& settings) {
  json list = json::array();
  for (const ClaimedDevice& device : devices) list.push_back(device_json(device, settings));
  std::string text;
  for (const char* const version : kVersions) {
    json object = {
        {"apiVersion", fmt::format("metadata.resource.k8s.io/{}", version)},
        {"kind", "DeviceMetadata"},
        {"metadata",
         {{"name", claim.name},
          {"namespace", claim.ns},
          {"uid", claim.uid.text()},
          {"generation", 1}}},
        {"requests", {{{"name", devices.front().allocated->requested_as}, {"devices", list}}}}};
    if (claim.pod_claim_name) object["podClaimName"] = *claim.pod_claim_name;
    constexpr int kIndent = 2;
    text += object.dump(kIndent, ' ', false, json::error_handler_t::replace) + "\n";
  }
  return text;
}

fs::path container_path(const Claim& claim, const std::string& request, const DriverName& driver) {
  const fs::path owner = claim.pod_claim_name
                             ? fs::path("resourceclaimtemplates") / *claim.pod_claim_name
                             : fs::path("resourceclaims") / claim.name;
  return kContainerFolder / owner / request / fmt::format("{}-metadata.json", driver);
}

}  // namespace

MetadataFolder::MetadataFolder(fs::path folder, SliceSettings settings)
    : folder_(std::move(folder)), settings_(std::move(settings)) {}

Result<std::vector<MetadataFile>> MetadataFolder::write(
    const Claim& claim, const std::vector<ClaimedDevice>& devices) const {
  std::map<std::string, std::vector<ClaimedDevice>> by_request;
  for (const ClaimedDevice& device : devices) {
    by_request[device.allocated->request].push_back(device);
  }
  std::vector<MetadataFile> files;
  for (const auto& [request, members] : by_request) {
    files.push_back({.request = request,
                     .host = folder_ / claim.uid.text() / request / "metadata.json",
                     .container = container_path(claim, request, settings_.driver)});
    auto written = keep_file(files.back().host, content(claim, members, settings_));
    if (!written) return with_context("device metadata", written.error());
  }
  return files;
}

Result<void> MetadataFolder::remove(const ClaimUid& claim) const {
  std::error_code error;
  fs::remove_all(folder_ / claim.text(), error);
  if (error) return fail("folder {}: {}", (folder_ / claim.text()).native(), error.message());
  return {};
}

Result<std::vector<ClaimUid>> MetadataFolder::claims() const {
  const auto names = names_in(folder_);
  if (!names) return with_context("device metadata", names.error());
  std::vector<ClaimUid> claims;
  for (const std::string& name : *names) claims.emplace_back(name);
  std::ranges::sort(claims);
  return claims;
}

}  // namespace mockdev::dra
