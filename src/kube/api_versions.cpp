// SPDX-License-Identifier: Apache-2.0
#include "kube/api_versions.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kube/json_access.h"

namespace mockdev::kube {
namespace {

using nlohmann::json;

/// The number that a text begins with: "36+" is 36.
int leading_number(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The names in a list of {"NAME": ...} objects.
std::set<std::string> names_in(const json& object, std::string_view list, std::string_view name) {
  std::set<std::string> names;
  const json* const entries = member(object, {list});
  if (entries == nullptr || !entries->is_array()) return names;
  for (const json& entry : *entries) names.insert(text_at(entry, {name}));
  return names;
}

/// What the group is found at; an empty set if the server does not have it.
ApiResult<std::set<std::string>> names_at(Api& api, const std::string& path, std::string_view list,
                                          std::string_view name, const CallLimits& limits) {
  const auto answer = api.get_path(path, limits);
  if (answer) return names_in(*answer, list, name);
  if (answer.error().is(reason::kNotFound)) return std::set<std::string>();
  return std::unexpected(answer.error());
}

ApiError none_served(Api& api, const CallLimits& limits) {
  const auto version = server_version(api, limits);
  return {.status = 404,
          .reason = std::string(reason::kNotFound),
          .message = fmt::format(
              "the API server ({}) serves {} in none of the versions {}: dynamic resource "
              "allocation needs Kubernetes 1.34, or 1.31 and newer with the feature gate "
              "DynamicResourceAllocation and --runtime-config={}/VERSION=true",
              version ? version->git_version : "of unknown version", kResourceGroup,
              fmt::join(kResourceApiVersions, ", "), kResourceGroup)};
}

}  // namespace

ApiResult<ServerVersion> server_version(Api& api, const CallLimits& limits) {
  const auto answer = api.get_path("/version", limits);
  if (!answer) return std::unexpected(answer.error());
  ServerVersion version{.major = leading_number(text_at(*answer, {"major"})),
                        .minor = leading_number(text_at(*answer, {"minor"})),
                        .git_version = text_at(*answer, {"gitVersion"})};
  if (version.major > 0) return version;
  return std::unexpected(ApiError{.reason = std::string(reason::kBadReply),
                                  .message = "get /version: says no version"});
}

ApiResult<std::string> resource_api_version(Api& api, const CallLimits& limits) {
  const std::string group = fmt::format("/apis/{}", kResourceGroup);
  const auto served = names_at(api, group, "versions", "version", limits);
  if (!served) return std::unexpected(served.error());
  for (const std::string_view version : kResourceApiVersions) {
    if (!served->contains(std::string(version))) continue;
    // A version may be served for other kinds only, as v1alpha3 is for taint rules.
    const auto resources =
        names_at(api, fmt::format("{}/{}", group, version), "resources", "name", limits);
    if (!resources) return std::unexpected(resources.error());
    if (resources->contains("resourceslices") && resources->contains("resourceclaims")) {
      return std::string(version);
    }
  }
  return std::unexpected(none_served(api, limits));
}

}  // namespace mockdev::kube
