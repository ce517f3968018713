// SPDX-License-Identifier: Apache-2.0
// Text in columns.
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"

namespace mockdev::cli {

struct Cell {
  // Not explicit: most cells of a row are plain text.
  Cell(std::string content, Color shade = Color::plain)  // NOLINT(google-explicit-constructor)
      : text(std::move(content)), color(shade) {}
  std::string text;  ///< ASCII; empty is printed as "-"
  Color color;
};

/// Rows under a heading, each column as wide as its widest cell.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) : heading_(std::move(heading)) {}

  /// Adds a row with as many cells as the heading has.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

  /// One line for the heading and one a row, each ended by a newline, without trailing blanks.
  [[nodiscard]] std::string text(Looks looks) const;

 private:
  std::vector<std::string> heading_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace mockdev::cli
