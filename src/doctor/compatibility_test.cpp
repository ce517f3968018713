// SPDX-License-Identifier: Apache-2.0
#include "doctor/compatibility.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mock_accel.h"

namespace mockdev::doctor {
namespace {

using testing::HasSubstr;

std::string error_of(std::string_view yaml) {
  const auto parsed = parse_compatibility(yaml);
  return parsed ? "" : parsed.error().message;
}

Finding finding_of(const std::string& found, const CompatibilityRow& row) {
  Report report;
  report_version(report, "node0", found, row);
  return report.findings().front();
}

TEST(Compatibility, OfTheProgramIsWellFormed) {
  const auto parsed = parse_compatibility(compatibility_yaml());
  ASSERT_TRUE(parsed) << parsed.error().message;
  std::set<std::string> ids;
  for (const CompatibilitySection& section : parsed->sections) {
    for (const CompatibilityRow& row : section.rows)
      EXPECT_TRUE(ids.insert(row.id).second) << row.id;
  }
  EXPECT_THAT(compatibility().row("vfs").range, HasSubstr(std::to_string(MOCK_ACCEL_MAX_VFS)));
}

TEST(Compatibility, ErrorsNameLineAndMember) {
  EXPECT_EQ(error_of("sections:\n- title: A\n  rows:\n  - {id: a, subject: A, range: all}\n"),
            "compatibility.yaml:4: tested is missing");
  EXPECT_EQ(error_of("gates:\n- {name: A, sinse: 3}\n"), "compatibility.yaml:2: sinse is unknown");
  EXPECT_NE(error_of("sections: ["), "");
}

TEST(Compatibility, VersionsAreComparedWithTheRow) {
  const CompatibilityRow row{.id = "kernel",
                             .subject = "Linux",
                             .oldest = Version{6, 1, 0},
                             .newest = Version{6, 12, 0},
                             .range = "6.1 and newer",
                             .tested = "6.12",
                             .advice = {.needed = "Linux from 6.1 on", .remedy = "boot one"}};
  EXPECT_EQ(finding_of("6.12.117+deb13-amd64", row).severity, Severity::ok);
  const Finding old = finding_of("5.15.0", row);
  EXPECT_EQ(old.severity, Severity::error);
  EXPECT_EQ(old.found, "Linux 5.15.0 is too old");
  EXPECT_EQ(old.advice, row.advice);
  EXPECT_EQ(finding_of("6.18.2", row).severity, Severity::note);
  EXPECT_EQ(finding_of("unknown", row).severity, Severity::note);
}

TEST(Compatibility, PageHasAllRows) {
  const std::string page = compatibility_page(compatibility());
  for (const CompatibilitySection& section : compatibility().sections) {
    for (const CompatibilityRow& row : section.rows) {
      EXPECT_THAT(page, HasSubstr("| " + row.subject + " | " + row.range));
    }
  }
  EXPECT_THAT(page, HasSubstr("| v1beta1 | 1.32 to 1.37 | no: --runtime-config |"));
  EXPECT_THAT(page, HasSubstr("| DynamicResourceAllocation | 1.31 | 1.34 |"));
}

}  // namespace
}  // namespace mockdev::doctor
