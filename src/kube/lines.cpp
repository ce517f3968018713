// SPDX-License-Identifier: Apache-2.0
#include "kube/lines.h"

#include <utility>

namespace mockdev::kube {

LineSplitter::Result LineSplitter::add(std::string_view piece,
                                       const std::function<bool(std::string_view)>& on_line) {
  for (auto end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    std::string line = std::exchange(begun_, {});
    line += piece.substr(0, end);
    piece.remove_prefix(end + 1);
    if (line.size() > kMaxLine.value()) return Result::too_long;
    if (!line.empty() && !on_line(line)) return Result::stopped;
  }
  begun_ += piece;
  return begun_.size() > kMaxLine.value() ? Result::too_long : Result::more;
}

}  // namespace mockdev::kube
