// SPDX-License-Identifier: Apache-2.0
// The sandbox that the server enters once its sockets are open. Clients are hostile: if one of them
// ever takes the process over, it gets a process that can do nothing but serve.
#pragma once

#include <filesystem>
#include <set>

#include "base/error.h"

namespace mockdev::server {

/// Takes from this process, for good, what serving does not need:
///
///   - new privileges, and all capabilities but CAP_DAC_OVERRIDE, which root needs to remove its
///     sockets from another user's folder;
///   - files: all that is left is to remove files in `folders` (Landlock; not on kernels that lack
///     it, which is logged for debugging);
///   - system calls (seccomp): what is not on the list fails with EPERM. That keeps the devices
///     alive if a library tries something harmless, which killing the process would not. Calls that
///     nothing but an attack makes, such as execve, do kill it.
///
/// Threads that are started later inherit it; call while there is only one. Fails, with nothing or
/// a part of it done, if the kernel refuses.
[[nodiscard]] Result<void> enter_sandbox(const std::set<std::filesystem::path>& folders);

}  // namespace mockdev::server
