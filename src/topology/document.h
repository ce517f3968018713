// SPDX-License-Identifier: Apache-2.0
// A YAML document as plain values that know their lines. Knows nothing of topologies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mockdev::topology {

/// Lists and maps within each other, at most.
inline constexpr std::size_t kMaxDepth = 16;
/// Values of a document, at most, counted as often as aliases repeat them.
inline constexpr std::size_t kMaxValues = 500'000;

struct Entry;

/// One value of a document. Values that an alias repeats are shared, never copied.
struct Value {
  enum class Kind : std::uint8_t { nothing, text, list, map };

  Kind kind = Kind::nothing;
  int line = 0;                                     ///< on which it starts, from 1
  std::string text;                                 ///< of a text, without quotes
  std::vector<std::shared_ptr<const Value>> items;  ///< of a list
  std::vector<Entry> entries;                       ///< of a map, in the order of the text
};

/// One key of a map and what it stands for. A map may name a key more than once.
struct Entry {
  std::string key;
  int line = 0;  ///< of the key
  std::shared_ptr<const Value> value;
};

/// Why a text is no document, and on which line (from 1; 0: no particular line).
struct DocumentError {
  int line;
  std::string message;
};

/// Reads a text that holds exactly one YAML document. Aliases are followed; depth and number of
/// values are bounded. Never throws. The value of an empty text is `nothing`.
[[nodiscard]] std::expected<std::shared_ptr<const Value>, DocumentError> read_document(
    std::string_view yaml);

/// `text` fit for an error message: control characters escaped, cut off where it grows long.
[[nodiscard]] std::string shown(std::string_view text);

}  // namespace mockdev::topology
