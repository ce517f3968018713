// SPDX-License-Identifier: Apache-2.0
// How long work tells the person who waits where it is.
#pragma once

#include <chrono>
#include <string_view>

namespace mockdev::lab {

/// Receives the steps of `up` and `down`, one at a time: started, any number of notes, then
/// finished or failed. Called on the thread that called `up` or `down`; an implementation that
/// draws a running clock does so on a thread of its own.
class Progress {
 public:
  Progress() = default;
  virtual ~Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;

  /// A step begins: "guest image", "boot node0".
  virtual void started(std::string_view step) = 0;
  /// What the step is doing now: "waiting for another run", "installing packages".
  virtual void note(std::string_view text) = 0;
  /// The step is done. `outcome` may be empty or say more: "cached", "QEMU 11.1.3".
  virtual void finished(std::string_view outcome, std::chrono::milliseconds elapsed) = 0;
  /// The step failed or was interrupted. The reason comes as the error of the whole call.
  virtual void failed(std::chrono::milliseconds elapsed) = 0;
};

}  // namespace mockdev::lab
