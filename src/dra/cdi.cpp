// SPDX-License-Identifier: Apache-2.0
#include "dra/cdi.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace mockdev::dra {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The oldest version with hostPath: containerd 1.7 and podman 4 take nothing newer.
constexpr const char* kCdiVersion = "0.5.0";
constexpr std::string_view kSuffix = ".json";
constexpr const char* kClass = "claim";

std::string container_node(const CdiDevice& device) {
  return "/dev/" + device.kernel_name;
}

std::string device_entry(const ClaimUid& claim, const DeviceName& device) {
  return fmt::format("{}-{}", claim, device);
}

/// No device has a name with a dot.
std::string metadata_entry(const ClaimUid& claim, const std::string& request) {
  return fmt::format("{}-metadata.{}", claim, request);
}

json cdi_device(const ClaimUid& claim, std::size_t place, const CdiDevice& device,
                const fs::path& dev) {
  json env = json::array();
  const auto set = [&](std::string_view name, std::string_view value) {
    env.push_back(fmt::format("MOCK_ACCEL_{}_{}={}", place, name, value));
  };
  set("NAME", device.kernel_name);
  set("UUID", device.uuid);
  set("PCI", device.pci);
  set("NUMA", device.numa);
  set("NODE", container_node(device));
  for (const auto& [name, value] : device.env) env.push_back(fmt::format("{}={}", name, value));
  return {{"name", device_entry(claim, device.device)},
          {"containerEdits",
           {{"env", std::move(env)},
            {"deviceNodes",
             {{{"path", container_node(device)},
               {"hostPath", (dev / device.kernel_name).native()},
               {"type", "c"},
               {"permissions", "rw"}}}}}}};
}

json cdi_metadata(const ClaimUid& claim, const MetadataFile& file) {
  return {{"name", metadata_entry(claim, file.request)},
          {"containerEdits",
           {{"mounts",
             {{{"hostPath", file.host.native()},
               {"containerPath", file.container.native()},
               {"options", {"ro", "bind"}}}}}}}};
}

json common_env(const std::vector<CdiDevice>& devices) {
  std::vector<std::string> names;
  for (const CdiDevice& device : devices) names.push_back(device.kernel_name);
  json env = {fmt::format("MOCK_ACCEL_DEVICES={}", fmt::join(names, ","))};
  if (devices.size() == 1) {
    env.push_back("MOCK_ACCEL_UUID=" + devices.front().uuid);
    env.push_back("MOCK_ACCEL_PCI=" + devices.front().pci);
    env.push_back("MOCK_ACCEL_DEVICE=" + container_node(devices.front()));
  }
  return env;
}

}  // namespace

CdiFolder::CdiFolder(fs::path folder, DriverName driver, fs::path dev)
    : folder_(std::move(folder)), driver_(std::move(driver)), dev_(std::move(dev)) {}

std::string CdiFolder::device_id(const ClaimUid& claim, const DeviceName& device) const {
  return id(device_entry(claim, device));
}

std::string CdiFolder::metadata_id(const ClaimUid& claim, const std::string& request) const {
  return id(metadata_entry(claim, request));
}

std::string CdiFolder::id(const std::string& name) const {
  return fmt::format("k8s.{}/{}={}", driver_, kClass, name);
}

std::string CdiFolder::prefix() const {
  return fmt::format("k8s.{}-{}_", driver_, kClass);
}

fs::path CdiFolder::file(const ClaimUid& claim) const {
  return folder_ / fmt::format("{}{}{}", prefix(), claim, kSuffix);
}

Result<void> CdiFolder::write(const ClaimUid& claim, const std::vector<CdiDevice>& devices,
                              const std::vector<MetadataFile>& metadata) const {
  json list = json::array();
  for (const CdiDevice& device : devices) {
    list.push_back(cdi_device(claim, list.size(), device, dev_));
  }
  for (const MetadataFile& one : metadata) list.push_back(cdi_metadata(claim, one));
  const json spec = {{"cdiVersion", kCdiVersion},
                     {"kind", fmt::format("k8s.{}/{}", driver_, kClass)},
                     {"containerEdits", {{"env", common_env(devices)}}},
                     {"devices", std::move(list)}};
  constexpr int kIndent = 2;
  const std::string content = spec.dump(kIndent, ' ', false, json::error_handler_t::replace) + "\n";
  if (auto kept = keep_file(file(claim), content); !kept) {
    return with_context("CDI file", kept.error());
  }
  return {};
}

Result<void> CdiFolder::remove(const ClaimUid& claim) const {
  std::error_code error;
  fs::remove(file(claim), error);
  if (error) return fail("CDI file {}: {}", file(claim).native(), error.message());
  return {};
}

Result<std::vector<ClaimUid>> CdiFolder::claims() const {
  const auto names = names_in(folder_);
  if (!names) return with_context("CDI", names.error());
  std::vector<ClaimUid> claims;
  for (const std::string& name : *names) {
    if (!name.starts_with(prefix()) || !name.ends_with(kSuffix)) continue;
    const std::size_t length = name.size() - prefix().size() - kSuffix.size();
    claims.emplace_back(name.substr(prefix().size(), length));
  }
  std::ranges::sort(claims);
  return claims;
}

void CdiFolder::remove_leftovers() const {
  for (const std::string& name : names_in(folder_).value_or(std::vector<std::string>())) {
    std::error_code ignored;
    if (name.starts_with(prefix()) && !name.ends_with(kSuffix)) fs::remove(folder_ / name, ignored);
  }
}

}  // namespace mockdev::dra
