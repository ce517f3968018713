// SPDX-License-Identifier: Apache-2.0
#include "base/guarded_copy.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>

namespace mockdev {
namespace {

// A signal's handler gets at nothing but what is global.
// NOLINTBEGIN(*-avoid-non-const-global-variables)

/// Where the thread goes on if a page can't be had; nullptr: it is in no copy.
thread_local sigjmp_buf* volatile way_out = nullptr;

struct sigaction action_before;

// NOLINTEND(*-avoid-non-const-global-variables)

void on_bus_error(int signal, siginfo_t* /*info*/, void* /*context*/) {
  // A copy holds nothing that would have to be released.
  if (way_out != nullptr) siglongjmp(*way_out, 1);  // NOLINT(*-err52-cpp): nothing else returns
  // Not ours: the access is made again, and meets what was there before.
  ::sigaction(signal, &action_before, nullptr);
}

/// The handler was left by a jump, and with it what the kernel blocks while it runs.
void unblock_bus_error() {
  sigset_t bus_error;
  ::sigemptyset(&bus_error);
  ::sigaddset(&bus_error, SIGBUS);
  ::pthread_sigmask(SIG_UNBLOCK, &bus_error, nullptr);
}

bool take_signal_over() {
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  return ::sigaction(SIGBUS, &action, &action_before) == 0;
}

}  // namespace

bool guarded_copy(std::span<const std::byte> from, std::span<std::byte> to) {
  [[maybe_unused]] static const bool taken = take_signal_over();
  sigjmp_buf here;
  // Without the mask, which would cost each copy a system call.
  const bool missing = sigsetjmp(here, 0) != 0;  // NOLINT(*-err52-cpp)
  if (!missing) {
    way_out = &here;
    // The copy stays between the two, as the handler sees it.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    std::memcpy(to.data(), from.data(), from.size());
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  way_out = nullptr;
  if (missing) unblock_bus_error();
  return !missing;
}

}  // namespace mockdev
