// SPDX-License-Identifier: Apache-2.0
#include "doctor/report.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mockdev::doctor {
namespace {

constexpr std::array<std::pair<std::string_view, Severity>, 4> kSeverities = {{
    {"ok", Severity::ok},
    {"note", Severity::note},
    {"warning", Severity::warning},
    {"error", Severity::error},
}};

std::string text_of(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<Finding> parse_finding(const nlohmann::json& object) {
  if (!object.is_object()) return fail("a finding is no object");
  const std::string severity = text_of(object, "severity");
  const auto* const known =
      std::ranges::find(kSeverities, severity, &decltype(kSeverities)::value_type::first);
  if (known == kSeverities.end()) return fail("severity: \"{}\" is unknown", severity);
  return Finding{
      .id = text_of(object, "id"),
      .subject = text_of(object, "subject"),
      .severity = known->second,
      .found = text_of(object, "found"),
      .advice = {.needed = text_of(object, "needed"), .remedy = text_of(object, "remedy")}};
}

}  // namespace

std::string_view to_string(Severity severity) {
  return std::ranges::find(kSeverities, severity, &decltype(kSeverities)::value_type::second)
      ->first;
}

void Report::add(Severity severity, std::string subject, std::string found, Advice advice) {
  findings_.push_back({.id = check_,
                       .subject = std::move(subject),
                       .severity = severity,
                       .found = std::move(found),
                       .advice = std::move(advice)});
}

unsigned Report::count(Severity severity) const {
  return static_cast<unsigned>(std::ranges::count(findings_, severity, &Finding::severity));
}

nlohmann::ordered_json to_json(const Report& report, std::string_view version) {
  nlohmann::ordered_json summary = nlohmann::ordered_json::object();
  for (const auto& [name, severity] : kSeverities) summary[name] = report.count(severity);
  auto findings = nlohmann::ordered_json::array();
  for (const Finding& finding : report.findings()) {
    findings.push_back({{"id", finding.id},
                        {"subject", finding.subject},
                        {"severity", to_string(finding.severity)},
                        {"found", finding.found},
                        {"needed", finding.advice.needed},
                        {"remedy", finding.advice.remedy}});
  }
  return {{"version", version}, {"summary", std::move(summary)}, {"findings", std::move(findings)}};
}

Result<void> add_from_json(const nlohmann::json& document, Report& report) {
  const auto findings = document.is_object() ? document.find("findings") : document.end();
  if (findings == document.end() || !findings->is_array()) return fail("no findings in it");
  for (const nlohmann::json& object : *findings) {
    auto finding = parse_finding(object);
    if (!finding) return std::unexpected(finding.error());
    report.add(std::move(*finding));
  }
  return {};
}

}  // namespace mockdev::doctor
