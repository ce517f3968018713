// SPDX-License-Identifier: Apache-2.0
// A stream that comes in arbitrary pieces, as its lines.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace mockdev::kube {

/// Bytes of a line, at most: one watch event. etcd takes objects of 1.5 MiB.
inline constexpr ByteCount kMaxLine = 16_MiB;

/// Puts pieces together. Not thread-safe.
class LineSplitter {
 public:
  enum class Result : std::uint8_t { more, stopped, too_long };

  /// Hands each line that is complete with this piece to `on_line`, without its newline, until
  /// that says false. Empty lines are left out.
  [[nodiscard]] Result add(std::string_view piece,
                           const std::function<bool(std::string_view)>& on_line);
  /// Whether the beginning of a line waits for its end.
  [[nodiscard]] bool is_within_line() const { return !begun_.empty(); }

 private:
  std::string begun_;
};

}  // namespace mockdev::kube
