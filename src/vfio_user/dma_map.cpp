// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/dma_map.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <limits>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guarded_copy.h"

namespace mockdev::vfio_user {

namespace {

using protocol::kDmaRead;
using protocol::kDmaWrite;

constexpr std::uint32_t kKnownFlags =
    kDmaRead | kDmaWrite | protocol::kDmaMmap | protocol::kDmaFileIo;

/// A copy holds up an unmap, and with it the client's machine, for no more bytes than these.
constexpr std::size_t kCopyUnit = std::size_t{1} << 20U;

/// Whether a file keeps its length for good. Only a file without a name can (memfd_create()).
bool is_sealed_against_shrinking(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

int protection_of(std::uint32_t map_flags) {
  return ((map_flags & kDmaRead) != 0 ? PROT_READ : PROT_NONE) |
         ((map_flags & kDmaWrite) != 0 ? PROT_WRITE : PROT_NONE);
}

/// Whether the kernel reads and writes the file as the map promises. Files on huge pages have no
/// write(); what is not a file at all (a device, a pipe) may block for ever.
bool serves_pread_and_pwrite(int fd, const struct stat& status, std::uint32_t map_flags) {
  std::byte nothing{};
  return S_ISREG(status.st_mode) &&
         ((map_flags & kDmaRead) == 0 || ::pread(fd, &nothing, 0, 0) == 0) &&
         ((map_flags & kDmaWrite) == 0 || ::pwrite(fd, &nothing, 0, 0) == 0);
}

bool allows(int open_flags, std::uint32_t map_flags) {
  const int mode = open_flags & O_ACCMODE;
  const bool reads = mode == O_RDONLY || mode == O_RDWR;
  const bool writes = mode == O_WRONLY || mode == O_RDWR;
  return ((map_flags & kDmaRead) == 0 || reads) && ((map_flags & kDmaWrite) == 0 || writes);
}

Outcome check(const protocol::DmaMap& request) {
  if (request.argsz < sizeof(request)) return refuse(EINVAL, "argsz {} is below 32", request.argsz);
  if ((request.flags & ~kKnownFlags) != 0) {
    return refuse(EINVAL, "flags {:#x} are not within {:#x}", request.flags, kKnownFlags);
  }
  if ((request.flags & (kDmaRead | kDmaWrite)) == 0) {
    return refuse(EINVAL, "flags {:#x} allow neither reading nor writing", request.flags);
  }
  if (request.size == 0) return refuse(EINVAL, "size 0 at {:#x}", request.address);
  if (request.size - 1 > std::numeric_limits<std::uint64_t>::max() - request.address) {
    return refuse(EINVAL, "{:#x} bytes at {:#x} wrap around", request.size, request.address);
  }
  return {};
}

Outcome check_file_range(const protocol::DmaMap& request, const struct stat& status) {
  const auto file_size = static_cast<std::uint64_t>(status.st_size);
  if (request.offset > file_size || request.size > file_size - request.offset) {
    return refuse(EINVAL, "{:#x} bytes at offset {:#x} reach beyond the file's {:#x}", request.size,
                  request.offset, file_size);
  }
  return {};
}

}  // namespace

Outcome DmaMap::add(const protocol::DmaMap& request, UniqueFd fd) {
  if (auto checked = check(request); !checked) return checked;
  const std::scoped_lock turn(queue_);
  const std::unique_lock lock(mutex_);
  if (overlaps(request.address, request.address + (request.size - 1))) {
    return refuse(EEXIST, "{:#x} bytes at {:#x} reach over another map", request.size,
                  request.address);
  }
  if (maps_.size() >= protocol::kMaxDmaMaps) {
    return refuse(ENOSPC, "there are {} maps already", maps_.size());
  }
  auto backing = backing_of(request, std::move(fd));
  if (!backing) return std::unexpected(std::move(backing.error()));
  if (backing->file != files_.end()) ++backing->file->second.maps;
  if (backing->mapping) {
    ++mappings_;
    mapped_bytes_ += request.size;
  }
  maps_.emplace(request.address,
                Map{request.size, request.offset, request.flags, *std::move(backing)});
  return {};
}

bool DmaMap::overlaps(std::uint64_t first, std::uint64_t last) const {
  auto after = maps_.upper_bound(last);
  if (after == maps_.begin()) return false;
  const auto& [address, map] = *std::prev(after);
  return address + (map.size - 1) >= first;
}

std::expected<DmaMap::Backing, Refusal> DmaMap::backing_of(const protocol::DmaMap& request,
                                                           UniqueFd fd) {
  if (!fd) return Backing{.mapping = {}, .file = files_.end()};
  struct stat status{};
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fstat(fd.get(), &status) != 0) return refuse(errno, "unusable descriptor");
  // With O_PATH nothing can be read; with O_APPEND pwrite() ignores its offset.
  if ((flags & (O_PATH | O_APPEND)) != 0 || !allows(flags, request.flags)) {
    return refuse(EACCES, "the descriptor's open flags {:#o} don't allow map flags {:#x}", flags,
                  request.flags);
  }
  const bool has_file_io = serves_pread_and_pwrite(fd.get(), status, request.flags);
  const bool is_sealed = is_sealed_against_shrinking(fd.get());
  if (!has_file_io && !is_sealed) return Backing{.mapping = {}, .file = files_.end()};
  if (auto checked = check_file_range(request, status); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  if (is_sealed) {
    if (Mapping mapping = map_file(request, fd.get())) {
      return Backing{.mapping = std::move(mapping), .file = files_.end()};
    }
  }
  if (!has_file_io) return Backing{.mapping = {}, .file = files_.end()};
  const auto file = keep({status.st_dev, status.st_ino, flags & O_ACCMODE}, std::move(fd));
  if (!file) return std::unexpected(file.error());
  return Backing{.mapping = {}, .file = *file};
}

/// None: the client has its share already, or the kernel doesn't map it.
Mapping DmaMap::map_file(const protocol::DmaMap& request, int fd) const {
  if (mappings_ >= kMaxMappings || request.size > kMaxMappedBytes - mapped_bytes_) return {};
  return Mapping::of_file(fd, request.offset, request.size, protection_of(request.flags))
      .value_or(Mapping{});
}

std::expected<DmaMap::Files::iterator, Refusal> DmaMap::keep(const FileKey& key, UniqueFd fd) {
  if (const auto known = files_.find(key); known != files_.end()) return known;
  if (files_.size() >= kMaxFiles) return refuse(ENOSPC, "{} files are mapped already", kMaxFiles);
  return files_.emplace(key, File{std::move(fd)}).first;
}

Outcome DmaMap::remove(const protocol::DmaUnmap& request) {
  if (request.argsz < sizeof(request)) return refuse(EINVAL, "argsz {} is below 24", request.argsz);
  const bool all =
      request.flags == protocol::kUnmapAll || request.flags == protocol::kUnmapAllOfRust;
  if (request.flags != 0 && !all) return refuse(EINVAL, "flags {:#x}", request.flags);
  if (all && (request.address != 0 || request.size != 0)) {
    return refuse(EINVAL, "\"all\" with {:#x} bytes at {:#x}", request.size, request.address);
  }
  Maps removed;  // unmapped when the lock is free: that takes long for much memory
  const std::scoped_lock turn(queue_);
  const std::unique_lock lock(mutex_);
  if (all) {
    removed.swap(maps_);
    files_.clear();
    mappings_ = 0;
    mapped_bytes_ = 0;
    return {};
  }
  const auto map = maps_.find(request.address);
  if (map == maps_.end() || map->second.size != request.size) {
    return refuse(ENOENT, "there is no map of {:#x} bytes at {:#x}", request.size, request.address);
  }
  removed = take_out(map);
  return {};
}

DmaMap::Maps DmaMap::take_out(Maps::iterator map) {
  const auto& [size, offset, flags, backing] = map->second;
  if (backing.mapping) {
    --mappings_;
    mapped_bytes_ -= size;
  }
  if (backing.file != files_.end() && --backing.file->second.maps == 0) files_.erase(backing.file);
  Maps taken;
  taken.insert(maps_.extract(map));
  return taken;
}

std::shared_lock<std::shared_mutex> DmaMap::lock_for_copy() const {
  const std::scoped_lock turn(queue_);
  return std::shared_lock(mutex_);
}

Result<DmaMap::Piece> DmaMap::piece(GuestAddress address, std::size_t size,
                                    std::uint32_t direction) const {
  const auto wanted = static_cast<std::uint64_t>(address);
  const auto after = maps_.upper_bound(wanted);
  const auto found = after == maps_.begin() ? maps_.end() : std::prev(after);
  if (found == maps_.end() || wanted - found->first >= found->second.size) {
    return fail("client memory at {:#x} is not mapped", wanted);
  }
  const Map& map = found->second;
  if ((map.flags & direction) == 0) {
    return fail("client memory at {:#x} may not be {}", wanted,
                direction == kDmaRead ? "read" : "written");
  }
  const std::uint64_t inside = wanted - found->first;
  Piece piece;
  piece.size =
      static_cast<std::size_t>(std::min<std::uint64_t>({map.size - inside, size, kCopyUnit}));
  if (map.backing.mapping) {
    piece.mapped = map.backing.mapping.bytes().subspan(inside, piece.size);
  } else if (map.backing.file != files_.end()) {
    piece.fd = map.backing.file->second.fd.get();
    piece.offset = static_cast<off_t>(map.offset + inside);
  }
  return piece;
}

namespace {

/// Repeats `transfer(done)`, which is pread() or pwrite(), until it has moved `size` bytes.
template <typename Transfer>
Result<DmaMap::Step> transfer_all(GuestAddress address, std::size_t size, Transfer transfer) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = transfer(done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return fail_errno(
          fmt::format("client memory at {:#x}", static_cast<std::uint64_t>(address) + done), errno);
    }
    if (count == 0) {
      return fail("client memory at {:#x} lies beyond the end of its file",
                  static_cast<std::uint64_t>(address) + done);
    }
    done += static_cast<std::size_t>(count);
  }
  return DmaMap::Step{.bytes = size, .by_message = false};
}

/// Two addresses of the client may be one memory, but not by one mapping of it.
bool overlap(std::span<const std::byte> one, std::span<const std::byte> other) {
  const std::less<> before;
  return before(one.data(), other.data() + other.size()) &&
         before(other.data(), one.data() + one.size());
}

Result<DmaMap::Step> copy_mapped(GuestAddress address, std::span<const std::byte> from,
                                 std::span<std::byte> to) {
  // The lock that each copy takes and lets go also orders them: who sees a completion record sees
  // the data that it tells of.
  if (guarded_copy(from, to)) return DmaMap::Step{.bytes = from.size(), .by_message = false};
  return fail("client memory at {:#x}: the host has none for all of its {:#x} bytes",
              static_cast<std::uint64_t>(address), from.size());
}

}  // namespace

Result<DmaMap::Step> DmaMap::read(GuestAddress from, std::span<std::byte> into) const {
  const auto lock = lock_for_copy();
  const auto piece = this->piece(from, into.size(), kDmaRead);
  if (!piece) return std::unexpected(piece.error());
  if (!piece->mapped.empty()) return copy_mapped(from, piece->mapped, into.first(piece->size));
  if (piece->fd < 0) return Step{.bytes = piece->size, .by_message = true};
  return transfer_all(from, piece->size, [&](std::size_t done) {
    return ::pread(piece->fd, into.data() + done, piece->size - done,
                   piece->offset + static_cast<off_t>(done));
  });
}

Result<DmaMap::Step> DmaMap::write(GuestAddress to, std::span<const std::byte> data) const {
  const auto lock = lock_for_copy();
  const auto piece = this->piece(to, data.size(), kDmaWrite);
  if (!piece) return std::unexpected(piece.error());
  if (!piece->mapped.empty()) return copy_mapped(to, data.first(piece->size), piece->mapped);
  if (piece->fd < 0) return Step{.bytes = piece->size, .by_message = true};
  return transfer_all(to, piece->size, [&](std::size_t done) {
    return ::pwrite(piece->fd, data.data() + done, piece->size - done,
                    piece->offset + static_cast<off_t>(done));
  });
}

Result<std::size_t> DmaMap::copy(GuestAddress from, GuestAddress to, std::size_t size) const {
  const auto lock = lock_for_copy();
  const auto source = piece(from, size, kDmaRead);
  if (!source) return std::unexpected(source.error());
  const auto target = piece(to, size, kDmaWrite);
  if (!target) return std::unexpected(target.error());
  const std::size_t both = std::min(source->mapped.size(), target->mapped.size());
  const auto data = source->mapped.first(both);
  const auto into = target->mapped.first(both);
  if (both == 0 || overlap(data, into)) return 0;
  const auto done = copy_mapped(from, data, into);
  if (!done) return std::unexpected(done.error());
  return both;
}

std::size_t DmaMap::size() const {
  const std::shared_lock lock(mutex_);
  return maps_.size();
}

}  // namespace mockdev::vfio_user
