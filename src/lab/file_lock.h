// SPDX-License-Identifier: Apache-2.0
// A lock between processes that a crash or a kill releases.
#pragma once

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"

namespace mockdev::lab {

/// Holds the lock that a file stands for. The file is made when it is needed and removed when the
/// lock is given back.
class FileLock {
 public:
  /// Takes the lock; empty if somebody else has it.
  [[nodiscard]] static Result<std::optional<FileLock>> try_take(const std::filesystem::path& path);
  /// Whether somebody has the lock now.
  [[nodiscard]] static bool is_taken(const std::filesystem::path& path);

  ~FileLock();
  FileLock(FileLock&&) noexcept = default;
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  FileLock(std::filesystem::path path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace mockdev::lab
