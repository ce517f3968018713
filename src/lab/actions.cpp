// SPDX-License-Identifier: Apache-2.0
#include "lab/actions.h"

#include <chrono>

namespace mockdev::lab {
namespace {

Result<void> carry_out_one(const Action& action, Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [begin] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin);
  };
  progress.started(action.title);
  const auto outcome = action.perform();
  if (!outcome) {
    progress.failed(elapsed());
    return with_context(action.title, outcome.error());
  }
  progress.finished(*outcome, elapsed());
  return {};
}

}  // namespace

Result<void> carry_out(const std::vector<Action>& actions, Progress& progress) {
  for (const Action& action : actions) {
    if (auto done = carry_out_one(action, progress); !done) return done;
  }
  return {};
}

}  // namespace mockdev::lab
