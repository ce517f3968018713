// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <cerrno>
#include <utility>

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

namespace mockdev {

Mapping::Mapping(Mapping&& other) noexcept
    : pages_(std::exchange(other.pages_, {})), bytes_(std::exchange(other.bytes_, {})) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  // What was there goes with the temporary.
  Mapping moved(std::move(other));
  std::swap(pages_, moved.pages_);
  std::swap(bytes_, moved.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (*this) ::munmap(pages_.data(), pages_.size());
}

Result<Mapping> Mapping::of_zeros(std::size_t size) {
  const auto pages = map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!pages) return std::unexpected(pages.error());
  return Mapping(*pages, *pages);
}

Result<Mapping> Mapping::of_file(int fd, std::uint64_t offset, std::size_t size, int protection) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_errno("fstat", errno);
  // Of files on huge pages, whole huge pages are mapped and unmapped; this is their size.
  const auto unit = static_cast<std::uint64_t>(status.st_blksize);
  const std::uint64_t before = offset % unit;
  const std::size_t whole = (before + size + unit - 1) / unit * unit;
  const auto pages = map(whole, protection, MAP_SHARED, fd, offset - before);
  if (!pages) return std::unexpected(pages.error());
  return Mapping(*pages, pages->subspan(before, size));
}

/// Nothing is set aside for a mapping: most of what can be touched never is.
Result<std::span<std::byte>> Mapping::map(std::size_t size, int protection, int flags, int fd,
                                          std::uint64_t offset) {
  void* const start =
      ::mmap(nullptr, size, protection, flags | MAP_NORESERVE, fd, static_cast<off_t>(offset));
  if (start == MAP_FAILED) return fail_errno("mmap", errno);
  ::madvise(start, size, MADV_DONTDUMP);
  return std::span(static_cast<std::byte*>(start), size);
}

}  // namespace mockdev
