// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "doctor/compatibility.h"

namespace mockdev::doctor {
namespace {

constexpr std::string_view kHead =
    "# Compatibility\n\n"
    "What mock-device {} runs with, and what was tried. `mock-device doctor` compares a machine, a "
    "node or a "
    "cluster with the same\ndata, [compatibility.yaml](compatibility.yaml); this page is printed "
    "from it by "
    "`mock-device compatibility`.\n";

std::string section_text(const CompatibilitySection& section) {
  std::string text = fmt::format(
      "\n## {}\n\n| | what works | what was tried | what is needed | what to do |\n"
      "|---|---|---|---|---|\n",
      section.title);
  for (const CompatibilityRow& row : section.rows) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", row.subject, row.range, row.tested,
                        row.advice.needed, row.advice.remedy);
  }
  return text;
}

std::string apis_text(const std::vector<ResourceApi>& apis) {
  std::string text =
      "\n## Versions of resource.k8s.io\n\n"
      "The newest one that is served is spoken.\n\n"
      "| version | Kubernetes that serves it | by default |\n|---|---|---|\n";
  for (const ResourceApi& api : apis) {
    const std::string until = api.until ? fmt::format("1.{} to 1.{}", api.since, *api.until)
                                        : fmt::format("1.{} and newer", api.since);
    text += fmt::format("| {} | {} | {} |\n", api.version, until,
                        api.by_default ? "yes" : "no: --runtime-config");
  }
  return text;
}

std::string gates_text(const std::vector<FeatureGate>& gates) {
  std::string text =
      "\n## Feature gates\n\n"
      "| gate | there since | open by default since | where it is closed |\n|---|---|---|---|\n";
  for (const FeatureGate& gate : gates) {
    text += fmt::format("| {} | 1.{} | 1.{} | {} |\n", gate.name, gate.since, gate.open_since,
                        gate.without);
  }
  return text;
}

}  // namespace

std::string compatibility_page(const Compatibility& compatibility) {
  std::string page = fmt::format(fmt::runtime(kHead), MOCK_DEVICE_VERSION);
  for (const CompatibilitySection& section : compatibility.sections) page += section_text(section);
  return page + apis_text(compatibility.resource_apis) + gates_text(compatibility.gates);
}

}  // namespace mockdev::doctor
