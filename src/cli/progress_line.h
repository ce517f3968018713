// SPDX-License-Identifier: Apache-2.0
// The steps of long work, told to the person who waits.
#pragma once

#include <memory>

#include "cli/console.h"
#include "lab/progress.h"

namespace mockdev::cli {

/// Writes to console.err. On a terminal: one line a step, which shows the time that has passed
/// while it runs and stays when it is done. Elsewhere: a line when a step begins, one a note and
/// one when it ends. Never writes to console.out.
///
/// Runs a thread for the clock on a terminal; it has all signals blocked. `console` must outlive
/// the result.
[[nodiscard]] std::unique_ptr<lab::Progress> make_progress(Console& console);

}  // namespace mockdev::cli
