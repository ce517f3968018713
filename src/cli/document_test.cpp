// SPDX-License-Identifier: Apache-2.0
#include "cli/document.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

namespace mockdev::cli {
namespace {

TEST(Document, JsonKeepsTheOrderOfItsMembers) {
  EXPECT_EQ(to_json_text({{"zebra", 1}, {"apple", nullptr}}),
            "{\n  \"zebra\": 1,\n  \"apple\": null\n}\n");
}

TEST(Document, JsonOfBrokenTextIsStillJson) {
  EXPECT_EQ(to_json_text("a\xff"), "\"a\xef\xbf\xbd\"\n");
}

TEST(Document, YamlIsWrittenAsPeopleWriteIt) {
  const Document document = {
      {"devices", {{{"name", "mock0"}, {"capabilities", {"compute", "p2p"}}, {"vfs", 3}}}},
      {"none", nullptr},
      {"faults", Document::array()},
      {"connected", true},
  };
  EXPECT_EQ(to_yaml_text(document),
            "devices:\n"
            "  - name: mock0\n"
            "    capabilities: [compute, p2p]\n"
            "    vfs: 3\n"
            "none: ~\n"
            "faults: []\n"
            "connected: true\n");
}

TEST(Document, YamlStringsStayStrings) {
  for (const char* text : {"1.0", "0x3", "1e5", "no", "Yes", "null", "~", "", "0000:01:00.0",
                           "12:30:45", "123e4567-e89b-12d3-a456-426614174000", "a: b", "- a", "# a",
                           "line\nbreak", "\"quoted\"", " blank", "true"}) {
    const std::string yaml = to_yaml_text({{"key", text}});
    const YAML::Node node = YAML::Load(yaml)["key"];
    EXPECT_EQ(node.as<std::string>(), text) << yaml;
    EXPECT_EQ(node.Tag(), "!") << yaml;  // quoted: no reader guesses its type
  }
}

}  // namespace
}  // namespace mockdev::cli
