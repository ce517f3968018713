// SPDX-License-Identifier: Apache-2.0
// The words of a command line.
#pragma once

#include <string>
#include <vector>

namespace mockdev::lab {

using Words = std::vector<std::string>;

/// `words`, then `more`.
inline Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace mockdev::lab
