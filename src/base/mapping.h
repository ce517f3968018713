// SPDX-License-Identifier: Apache-2.0
// Ownership of mapped memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"

namespace mockdev {

/// Owns a mapping and removes it once. Empty: none. Move-only; not thread-safe. What lies in it
/// stays out of core dumps, as it belongs to others.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  /// Memory of the process' own, of zeros, which costs what is written to.
  [[nodiscard]] static Result<Mapping> of_zeros(std::size_t size);

  /// `size` bytes of a file from `offset` on, shared with all that have it; neither needs to be
  /// aligned. `protection`: PROT_*. The descriptor is not needed any longer. To touch a page that
  /// the file has not or the host has no memory for raises SIGBUS: see guarded_copy().
  [[nodiscard]] static Result<Mapping> of_file(int fd, std::uint64_t offset, std::size_t size,
                                               int protection);

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  [[nodiscard]] explicit operator bool() const { return !pages_.empty(); }

 private:
  Mapping(std::span<std::byte> pages, std::span<std::byte> bytes) : pages_(pages), bytes_(bytes) {}
  [[nodiscard]] static Result<std::span<std::byte>> map(std::size_t size, int protection, int flags,
                                                        int fd, std::uint64_t offset);

  std::span<std::byte> pages_;  ///< whole ones
  std::span<std::byte> bytes_;  ///< those of them that were asked for
};

}  // namespace mockdev
