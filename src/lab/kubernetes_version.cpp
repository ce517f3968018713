// SPDX-License-Identifier: Apache-2.0
#include "lab/kubernetes_version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>

#include <fmt/ranges.h>

namespace mockdev::lab {
namespace {

constexpr unsigned kOldestMinor = 31;
constexpr unsigned kNever = ~0U;

/// Releases all of whose modules are there to be built from.
constexpr std::array kReleases = {
    KubernetesVersion{.minor = 31, .patch = 0},  KubernetesVersion{.minor = 32, .patch = 2},
    KubernetesVersion{.minor = 33, .patch = 13}, KubernetesVersion{.minor = 34, .patch = 4},
    KubernetesVersion{.minor = 35, .patch = 4},  KubernetesVersion{.minor = 36, .patch = 3},
    KubernetesVersion{.minor = 37, .patch = 2},
};

/// Something that minor versions have from `since` on, and not any more in `until`.
struct Lifetime {
  std::string_view name;
  unsigned since;
  unsigned until;
};

/// `until`: open by itself.
constexpr std::array kGates = {
    Lifetime{"DynamicResourceAllocation", 31, 34},
    Lifetime{"ResourceHealthStatus", 31, 36},
    Lifetime{"DRAAdminAccess", 32, 34},
    Lifetime{"DRAResourceClaimDeviceStatus", 32, 33},
    Lifetime{"DRAPrioritizedList", 33, 34},
    Lifetime{"DRADeviceTaints", 33, 36},
    Lifetime{"DRAPartitionableDevices", 33, 36},
    // 1.34 has it, too, but its scheduler then dies of a claim for all devices of several slices.
    Lifetime{"DRAConsumableCapacity", 35, 36},
    Lifetime{"DRADeviceBindingConditions", 34, 36},
    Lifetime{"DRAExtendedResource", 34, 36},
    Lifetime{"DRADeviceTaintRules", 35, 37},
    Lifetime{"DRAListTypeAttributes", 36, kNever},
    Lifetime{"DRANodeAllocatableResources", 36, kNever},
    Lifetime{"DRAResourcePoolStatus", 36, kNever},
    Lifetime{"DRADerivedAttributes", 37, kNever},
    Lifetime{"DRADeviceCompatibilityGroups", 37, kNever},
    Lifetime{"DRAOptionalNodeOperations", 37, kNever},
};

/// `until`: removed.
constexpr std::array kApiVersions = {
    Lifetime{"v1", 34, kNever},
    Lifetime{"v1beta2", 33, 39},
    Lifetime{"v1beta1", 32, 38},
    Lifetime{"v1alpha3", 31, kNever},
};

bool lives(const Lifetime& lifetime, KubernetesVersion version) {
  return lifetime.since <= version.minor && version.minor < lifetime.until;
}

/// A text of digits only.
std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const char* const end = std::to_address(text.end());
  const auto [rest, error] = std::from_chars(std::to_address(text.begin()), end, value);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return value;
}

/// The newest release of a minor version that can be built.
std::optional<KubernetesVersion> release_of(unsigned minor) {
  const auto* const found = std::ranges::find(kReleases, minor, &KubernetesVersion::minor);
  if (found == kReleases.end()) return std::nullopt;
  return *found;
}

std::optional<KubernetesVersion> read(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  constexpr std::string_view kMajor = "1.";
  if (!text.starts_with(kMajor)) return std::nullopt;
  text.remove_prefix(kMajor.size());
  const std::size_t dot = text.find('.');
  const auto minor = number(text.substr(0, dot));
  if (!minor || *minor < kOldestMinor) return std::nullopt;
  if (dot == std::string_view::npos) return release_of(*minor);
  const auto patch = number(text.substr(dot + 1));
  if (!patch) return std::nullopt;
  return KubernetesVersion{.minor = *minor, .patch = *patch};
}

}  // namespace

std::string to_string(KubernetesVersion version) {
  return fmt::format("1.{}.{}", version.minor, version.patch);
}

std::vector<std::string> kubernetes_minors() {
  std::vector<std::string> minors;
  minors.reserve(kReleases.size());
  for (const KubernetesVersion& release : kReleases) {
    minors.push_back(fmt::format("1.{}", release.minor));
  }
  return minors;
}

Result<KubernetesVersion> parse_kubernetes_version(std::string_view text) {
  const auto version = read(text);
  if (version) return *version;
  return fail("{} is none of {}, and no full version from 1.{}.0 on", text,
              fmt::join(kubernetes_minors(), ", "), kOldestMinor);
}

std::vector<std::string> feature_gates(KubernetesVersion version) {
  std::vector<std::string> gates;
  for (const Lifetime& gate : kGates) {
    if (lives(gate, version)) gates.emplace_back(gate.name);
  }
  return gates;
}

std::vector<std::string> resource_api_versions(KubernetesVersion version) {
  std::vector<std::string> versions;
  for (const Lifetime& api : kApiVersions) {
    if (lives(api, version)) versions.emplace_back(api.name);
  }
  return versions;
}

}  // namespace mockdev::lab
