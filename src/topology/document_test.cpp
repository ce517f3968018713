// SPDX-License-Identifier: Apache-2.0
#include "topology/document.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mockdev::topology {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

/// "3: message" of a text that is no document.
std::string error_of(std::string_view yaml) {
  const auto document = read_document(yaml);
  if (document) return "";
  return fmt::format("{}: {}", document.error().line, document.error().message);
}

TEST(Document, KnowsTheLineOfEveryValueAndKey) {
  const auto document = read_document("a: 1\nb:\n  - x\n  - {c: y}\n");
  ASSERT_TRUE(document);
  const auto& [a, b] = std::tie((*document)->entries.at(0), (*document)->entries.at(1));
  EXPECT_EQ(a.key, "a");
  EXPECT_EQ(a.line, 1);
  EXPECT_EQ(a.value->text, "1");
  EXPECT_EQ(b.line, 2);
  ASSERT_THAT(b.value->items, SizeIs(2));
  EXPECT_EQ(b.value->items[1]->line, 4);
  EXPECT_EQ(b.value->items[1]->entries.at(0).value->text, "y");
}

TEST(Document, KeepsKeysThatAreGivenTwice) {
  const auto document = read_document("a: 1\na: 2\n");
  ASSERT_TRUE(document);
  EXPECT_THAT((*document)->entries, SizeIs(2));
}

TEST(Document, TakesNothingForAnEmptyText) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "~\n"}) {
    const auto document = read_document(text);
    ASSERT_TRUE(document) << text;
    EXPECT_EQ((*document)->kind, Value::Kind::nothing) << text;
  }
}

TEST(Document, FollowsAliases) {
  const auto document = read_document("a: &x [1, 2]\nb: *x\n");
  ASSERT_TRUE(document);
  EXPECT_THAT((*document)->entries.at(1).value->items, SizeIs(2));
}

TEST(Document, RefusesAnAliasWithinItsOwnValue) {
  EXPECT_EQ(error_of("a: &x [1, *x]\n"), "1: not YAML: value that contains itself");
}

TEST(Document, RefusesAliasesThatMultiply) {
  std::string text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 9; ++i) {
    text += fmt::format("a{0}: &a{0} [{1}]\n", i,
                        fmt::join(std::vector(10, fmt::format("*a{}", i - 1)), ", "));
  }
  EXPECT_EQ(error_of(text), "6: not YAML: more than 500000 values");
}

TEST(Document, BoundsNesting) {
  EXPECT_EQ(error_of(std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']')), "");
  EXPECT_THAT(error_of(std::string(500'000, '[')), HasSubstr("not YAML"));
  EXPECT_THAT(error_of(std::string(500'000, '{')), HasSubstr("not YAML"));
  std::string indented;
  for (std::size_t i = 0; i <= kMaxDepth; ++i) indented += std::string(i, ' ') + "a:\n";
  EXPECT_THAT(error_of(indented), HasSubstr("nested over 16 deep"));
}

TEST(Document, NamesTheLineThatIsNotYaml) {
  EXPECT_THAT(error_of("a: 1\nb: [1, 2\n"), HasSubstr("not YAML"));
  EXPECT_THAT(error_of("a: 1\nb: \"unfinished\n"), HasSubstr("not YAML"));
  EXPECT_THAT(error_of("a:\n\t- 1\n"), ::testing::StartsWith("2: not YAML"));
  EXPECT_THAT(error_of("a: 1\n  b: 2\n"), ::testing::StartsWith("2: not YAML"));
  EXPECT_EQ(error_of("a: 1\nb: \"\\"), "2: not YAML: unknown escape character: ");
  EXPECT_THAT(error_of("? [a, b]\n: 1\n"), ::testing::StartsWith("1: not YAML"));
}

TEST(Document, RefusesASecondDocument) {
  EXPECT_EQ(error_of("a: 1\n---\nb: 2\n"), "3: a second document begins here");
}

TEST(Document, RefusesWhatIsNotUtf8Text) {
  EXPECT_EQ(error_of("a: 1\nb: \xff\xfe\n"), "2: not UTF-8 text");
  EXPECT_EQ(error_of("a: \xc3"), "1: not UTF-8 text");              // cut off
  EXPECT_EQ(error_of("a: \xed\xa0\x80"), "1: not UTF-8 text");      // a surrogate
  EXPECT_EQ(error_of("a: \xf4\x90\x80\x80"), "1: not UTF-8 text");  // beyond U+10FFFF
  EXPECT_EQ(error_of({"a\0:\0 \0", 6}), "1: control character 0x00 in the text");  // UTF-16
  EXPECT_EQ(error_of("a: \x1b[2J"), "1: control character 0x1b in the text");
  EXPECT_EQ(error_of("a: äöü€😀\r\n"), "");
}

TEST(Document, SurvivesRandomBytesOfAFormatInUse) {
  // An ELF header, a gzip header, a JPEG header.
  for (const std::string_view bytes :
       {std::string_view("\x7f\x45\x4c\x46\x02\x01\x01\x00", 8), std::string_view("\x1f\x8b\x08"),
        std::string_view("\xff\xd8\xff\xe0")}) {
    EXPECT_FALSE(read_document(bytes));
  }
}

TEST(Shown, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(shown("plain ä"), "plain ä");
  EXPECT_EQ(shown("a\x1b[2Jb\n"), "a\\x1b[2Jb\\x0a");
  EXPECT_EQ(shown("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(shown("\xff"), "\\xff");
  EXPECT_EQ(shown(std::string(1000, 'x')), std::string(60, 'x') + "...");
}

}  // namespace
}  // namespace mockdev::topology
