// SPDX-License-Identifier: Apache-2.0
#include "lab/last_words.h"

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <vector>

#include <fmt/ranges.h>

#include "base/file.h"

namespace mockdev::lab {
namespace {

constexpr std::size_t kLines = 5;
constexpr ByteCount kMaxLog = 64_MiB;

}  // namespace

std::string one_line(std::string_view text) {
  std::istringstream input{std::string(text)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(input, line);) {
    std::erase_if(line, [](unsigned char character) { return character < ' '; });
    if (!line.empty()) lines.push_back(line);
  }
  const std::size_t skipped = lines.size() - std::min(lines.size(), kLines);
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(skipped));
  return fmt::format("{}", fmt::join(lines, " / "));
}

std::string last_words(const std::filesystem::path& log) {
  const std::string words = one_line(read_file(log, kMaxLog).value_or(""));
  return words.empty() ? "(it said nothing)" : words;
}

}  // namespace mockdev::lab
