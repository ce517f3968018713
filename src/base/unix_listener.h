// SPDX-License-Identifier: Apache-2.0
// A UNIX socket in the file system that waits for clients.
#pragma once

#include <filesystem>

#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace mockdev {

/// Owns the listening socket and its file, which it removes at the end.
class UnixListener {
 public:
  /// Binds `path` and listens. `mode` is the file's permissions, from its first moment. A socket
  /// file that nobody listens on is replaced. Fails if somebody does, if the path is longer than
  /// the 107 bytes that Linux has for it, is something other than a socket, or can't be made.
  /// Two starts at the same time can't both succeed: a lock on the folder lets them in one by one.
  [[nodiscard]] static Result<UnixListener> open(const std::filesystem::path& path, mode_t mode);

  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener();

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// The next client that waits; none, if there is none or the process has no descriptor for it.
  /// `errno` says which (EAGAIN: nobody waits). Never blocks; the client's socket does.
  [[nodiscard]] UniqueFd accept() const;

 private:
  UnixListener(UniqueFd socket, std::filesystem::path path);

  UniqueFd socket_;
  std::filesystem::path path_;
  dev_t device_ = 0;  ///< of the file, so that only the own one is removed
  ino_t inode_ = 0;
};

}  // namespace mockdev
