// SPDX-License-Identifier: Apache-2.0
// A thread that costs little while it waits: a server has one for each client, and each accelerator
// that works one.
#pragma once

#include <functional>
#include <memory>

#include <pthread.h>

#include "base/error.h"

namespace mockdev {

/// A thread with a small stack and all signals blocked (they are for main) but SIGBUS. It is joined
/// at the end; whoever owns it makes sure that it comes to one.
class Thread {
 public:
  [[nodiscard]] static Result<Thread> start(std::function<void()> run);

  Thread(Thread&& other) noexcept : run_(std::move(other.run_)), id_(other.id_) {}
  Thread& operator=(Thread&&) = delete;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread();

 private:
  explicit Thread(std::function<void()> run);

  std::unique_ptr<std::function<void()>> run_;  ///< none: moved from
  pthread_t id_{};
};

}  // namespace mockdev
