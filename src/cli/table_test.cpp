// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <gtest/gtest.h>

namespace mockdev::cli {
namespace {

Table sample() {
  Table table({"NAME", "MEMORY", "OWNER"});
  table.add({std::string("mock0"), std::string("16 GiB"), std::string("me")});
  table.add({{"mock10", Color::red}, std::string("8 GiB"), std::string("")});
  return table;
}

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(sample().text({}),
            "NAME    MEMORY  OWNER\n"
            "mock0   16 GiB  me\n"
            "mock10  8 GiB   -\n");
}

TEST(Table, ColoursDoNotMoveColumns) {
  EXPECT_EQ(sample().text({.color = true}),
            "\x1b[1mNAME\x1b[0m    \x1b[1mMEMORY\x1b[0m  \x1b[1mOWNER\x1b[0m\n"
            "mock0   16 GiB  me\n"
            "\x1b[31mmock10\x1b[0m  8 GiB   -\n");
}

TEST(Table, WithoutRowsIsItsHeading) {
  EXPECT_EQ(Table({"A", "B"}).text({}), "A  B\n");
}

TEST(Table, SendsNoEscapeSequencesOfItsContent) {
  Table table({"NAME"});
  table.add({std::string("\x1b[2Jmock\n0\x7f")});
  EXPECT_EQ(table.text({}), "NAME\n?[2Jmock?0?\n");
}

}  // namespace
}  // namespace mockdev::cli
