// SPDX-License-Identifier: Apache-2.0
#include "doctor/compatibility.h"

#include <initializer_list>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace mockdev::doctor {
namespace {

/// What the parser of a part throws; parse_compatibility makes an Error of it.
[[noreturn]] void refuse(const YAML::Node& node, const std::string& what) {
  throw std::runtime_error(fmt::format("compatibility.yaml:{}: {}", node.Mark().line + 1, what));
}

/// Refuses members that nobody reads: a typo must not go unnoticed.
void check_members(const YAML::Node& node, std::initializer_list<std::string_view> known) {
  const std::set<std::string_view> names(known);
  for (const auto& member : node) {
    const auto name = member.first.as<std::string>();
    if (!names.contains(name)) refuse(member.first, name + " is unknown");
  }
}

template <typename T = std::string>
T required(const YAML::Node& node, const char* name) {
  if (!node[name]) refuse(node, fmt::format("{} is missing", name));
  return node[name].as<T>();
}

std::optional<Version> version_at(const YAML::Node& node, const char* name) {
  if (!node[name]) return std::nullopt;
  const auto version = find_version(node[name].as<std::string>());
  if (!version) refuse(node[name], fmt::format("{} is no version", name));
  return version;
}

CompatibilityRow parse_row(const YAML::Node& node) {
  check_members(node, {"id", "subject", "oldest", "newest", "range", "tested", "needed", "remedy"});
  return {.id = required(node, "id"),
          .subject = required(node, "subject"),
          .oldest = version_at(node, "oldest"),
          .newest = version_at(node, "newest"),
          .range = required(node, "range"),
          .tested = required(node, "tested"),
          .advice = {.needed = node["needed"].as<std::string>(""),
                     .remedy = node["remedy"].as<std::string>("")}};
}

CompatibilitySection parse_section(const YAML::Node& node) {
  check_members(node, {"title", "rows"});
  CompatibilitySection section{.title = required(node, "title"), .rows = {}};
  for (const auto& row : node["rows"]) section.rows.push_back(parse_row(row));
  return section;
}

ResourceApi parse_api(const YAML::Node& node) {
  check_members(node, {"version", "since", "until", "by_default"});
  ResourceApi api{.version = required(node, "version"),
                  .since = required<unsigned>(node, "since"),
                  .by_default = node["by_default"].as<bool>(false)};
  if (node["until"]) api.until = node["until"].as<unsigned>();
  return api;
}

FeatureGate parse_gate(const YAML::Node& node) {
  check_members(node, {"name", "since", "open_since", "required", "without"});
  return {.name = required(node, "name"),
          .since = required<unsigned>(node, "since"),
          .open_since = required<unsigned>(node, "open_since"),
          .required = node["required"].as<bool>(false),
          .without = required(node, "without")};
}

Compatibility parse_document(const YAML::Node& document) {
  check_members(document, {"sections", "resourceApis", "gates"});
  Compatibility all;
  for (const auto& section : document["sections"]) all.sections.push_back(parse_section(section));
  for (const auto& api : document["resourceApis"]) all.resource_apis.push_back(parse_api(api));
  for (const auto& gate : document["gates"]) all.gates.push_back(parse_gate(gate));
  return all;
}

}  // namespace

const CompatibilityRow& Compatibility::row(std::string_view id) const {
  for (const CompatibilitySection& section : sections) {
    for (const CompatibilityRow& row : section.rows) {
      if (row.id == id) return row;
    }
  }
  throw std::logic_error(fmt::format("compatibility.yaml: no row {}", id));
}

Result<Compatibility> parse_compatibility(std::string_view yaml) {
  try {
    return parse_document(YAML::Load(std::string(yaml)));
  } catch (const std::exception& error) {  // YAML's own errors, too
    return fail("{}", error.what());
  }
}

const Compatibility& compatibility() {
  // A unit test parses the same text: what is built in is right.
  static const Compatibility built_in = parse_compatibility(compatibility_yaml()).value();
  return built_in;
}

void report_version(Report& report, const std::string& subject, const std::string& found,
                    const CompatibilityRow& row) {
  const auto version = find_version(found);
  if (!version) {
    report.add(Severity::note, subject, fmt::format("{} of unknown version", row.subject),
               row.advice);
  } else if (row.oldest && *version < *row.oldest) {
    report.add(Severity::error, subject, fmt::format("{} {} is too old", row.subject, found),
               row.advice);
  } else if (row.newest && is_newer_minor(*version, *row.newest)) {
    report.add(Severity::note, subject,
               fmt::format("{} {} is newer than all that was tried", row.subject, found),
               {.needed = row.range, .remedy = {}});
  } else {
    report.ok(subject, fmt::format("{} {}", row.subject, found));
  }
}

}  // namespace mockdev::doctor
