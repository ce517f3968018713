// SPDX-License-Identifier: Apache-2.0
// Copies from and to mapped files of others.
#pragma once

#include <cstddef>
#include <span>

namespace mockdev {

/// Copies all of `from` to `to`, which has the same size, unless a page of either can't be had:
/// its file has become shorter, or the host has no memory for it. Then the answer is false, and a
/// part may have been copied. Whoever shares the memory may change it meanwhile.
///
/// The kernel tells of such a page by SIGBUS, which ends the process by default. This takes the
/// signal over, at its first call, for the threads that are in a copy; for all others it stays what
/// it was. Threads that call this must not block SIGBUS. Any thread.
[[nodiscard]] bool guarded_copy(std::span<const std::byte> from, std::span<std::byte> to);

}  // namespace mockdev
