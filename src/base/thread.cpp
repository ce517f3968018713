// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <csignal>
#include <cstddef>
#include <utility>

namespace mockdev {

namespace {

/// Only what is touched costs memory, some 8 KiB; whoever runs may well use a few arrays more.
constexpr std::size_t kStack = std::size_t{256} << 10U;

void* call(void* run) {
  (*static_cast<std::function<void()>*>(run))();
  return nullptr;
}

}  // namespace

Thread::Thread(std::function<void()> run)
    : run_(std::make_unique<std::function<void()>>(std::move(run))) {}

Result<Thread> Thread::start(std::function<void()> run) {
  Thread thread(std::move(run));
  sigset_t blocked;
  sigfillset(&blocked);
  // What a thread's own access causes: guarded_copy() is to hear of it.
  sigdelset(&blocked, SIGBUS);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStack);
  ::pthread_attr_setsigmask_np(&attributes, &blocked);
  const int error = ::pthread_create(&thread.id_, &attributes, call, thread.run_.get());
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    thread.run_.reset();
    return fail_errno("starting a thread", error);
  }
  return thread;
}

Thread::~Thread() {
  if (run_) ::pthread_join(id_, nullptr);
}

}  // namespace mockdev
