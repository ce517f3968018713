// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace mockdev::cli {
namespace {

constexpr std::size_t kColumnGap = 2;

std::string shown(const Cell& cell) {
  return cell.text.empty() ? "-" : printable(cell.text);
}

std::vector<std::size_t> column_widths(std::span<const std::string> heading,
                                       std::span<const std::vector<Cell>> rows) {
  std::vector<std::size_t> widths;
  for (const std::string& title : heading) widths.push_back(title.size());
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < widths.size(); ++column) {
      widths.at(column) = std::max(widths.at(column), shown(row.at(column)).size());
    }
  }
  return widths;
}

std::string line(std::span<const Cell> cells, std::span<const std::size_t> widths, Looks looks) {
  std::string text;
  std::size_t blanks = 0;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    const std::string content = shown(cells[column]);
    text.append(blanks, ' ');
    text += paint(content, cells[column].color, looks);
    blanks = widths[column] - content.size() + kColumnGap;
  }
  return text + "\n";
}

}  // namespace

std::string Table::text(Looks looks) const {
  const auto widths = column_widths(heading_, rows_);
  std::vector<Cell> titles;
  for (const std::string& title : heading_) titles.emplace_back(title, Color::bold);
  std::string text = line(titles, widths, looks);
  for (const auto& row : rows_) text += line(row, widths, looks);
  return text;
}

}  // namespace mockdev::cli
