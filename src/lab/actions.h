// SPDX-License-Identifier: Apache-2.0
// What `up`, `down` and `repair` do, as steps that are shown to whoever waits.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/progress.h"

namespace mockdev::lab {

/// A step: its title, and what does it. The text that comes back is its outcome.
struct Action {
  std::string title;
  std::function<Result<std::string>()> perform;
};

/// Carries the steps out in order, up to the first that fails. The error begins with its title.
[[nodiscard]] Result<void> carry_out(const std::vector<Action>& actions, Progress& progress);

}  // namespace mockdev::lab
