// SPDX-License-Identifier: Apache-2.0
// The client's memory: which addresses the device may use, and access to those that came with a
// descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>

#include <sys/types.h>

#include "base/error.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "vfio_user/device.h"
#include "vfio_user/protocol.h"
#include "vfio_user/refusal.h"

namespace mockdev::vfio_user {

/// Maps are added and removed by the thread that serves the client; any thread copies.
///
/// A file that is sealed against shrinking is mapped, as the map allows; QEMU's
/// memory-backend-memfd seals it. Any other may become shorter at any time, and is read and written
/// by pread() and pwrite(). Either way, memory that can't be had when it is used (the host may have
/// none left for a hole in a sealed file) is an error of that copy.
///
/// To read a hole in a mapped file makes it memory of the host, as it does in the client.
class DmaMap {
 public:
  /// Distinct files that one client may have mapped. Virtual machines have one for each memory
  /// backend; the limit keeps one client from using up the descriptors of all.
  static constexpr std::size_t kMaxFiles = 256;

  /// What one client may have mapped: it shares the process' address space, and its number of
  /// mappings, with all others. Maps beyond that are served like those of files without a seal.
  static constexpr std::size_t kMaxMappings = 256;
  static constexpr std::uint64_t kMaxMappedBytes = std::uint64_t{1} << 40U;

  /// DMA_MAP. `fd` may be none. Refuses unknown flags, ranges that are empty or wrap around, reach
  /// over another map (EEXIST) or beyond the end of their file, descriptors that don't allow what
  /// the flags promise, and more than kMaxDmaMaps maps or kMaxFiles files (ENOSPC).
  ///
  /// All maps of one file that is not mapped share one descriptor. What can neither be mapped nor
  /// served by pread() and pwrite() (devices, huge pages without a seal) is accepted as if it had
  /// come without a descriptor.
  [[nodiscard]] Outcome add(const protocol::DmaMap& request, UniqueFd fd);

  /// DMA_UNMAP: a map that was added exactly so, or all of them. Waits for copies that are under
  /// way, and for no others; none uses the memory after it.
  [[nodiscard]] Outcome remove(const protocol::DmaUnmap& request);

  /// How far a copy got.
  struct Step {
    std::size_t bytes = 0;    ///< from the start of the range, that lie in one map; at least 1
    bool by_message = false;  ///< nothing was copied, for want of a descriptor
  };

  /// Copies the start of a range of client memory, as far as its first map reaches (and not
  /// more than a unit that lets remove() go ahead in between). Fails if the first address has no
  /// map, the map doesn't allow this direction, or the memory can't be had: the file has become too
  /// short, or the host has none left for it. A write is seen after those before it.
  [[nodiscard]] Result<Step> read(GuestAddress from, std::span<std::byte> into) const;
  [[nodiscard]] Result<Step> write(GuestAddress to, std::span<const std::byte> data) const;

  /// Copies the start of one range of client memory to another, as read() and write() would one
  /// after the other, and gives how many bytes. 0: this can't be done at once, as the start of one
  /// of them is not mapped in this process, or they overlap.
  [[nodiscard]] Result<std::size_t> copy(GuestAddress from, GuestAddress to,
                                         std::size_t size) const;

  [[nodiscard]] std::size_t size() const;

 private:
  /// A file that came with maps, once for each way it was opened.
  struct FileKey {
    dev_t device = 0;
    ino_t inode = 0;
    int access_mode = 0;
    auto operator<=>(const FileKey&) const = default;
  };
  struct File {
    UniqueFd fd;
    std::size_t maps = 0;
  };
  using Files = std::map<FileKey, File>;

  /// How a map's memory is reached: by its mapping, else by its file, else by messages.
  struct Backing {
    Mapping mapping;
    Files::iterator file;  ///< files_.end(): none
  };
  struct Map {
    std::uint64_t size = 0;
    std::uint64_t offset = 0;
    std::uint32_t flags = 0;
    Backing backing;
  };
  using Maps = std::map<std::uint64_t, Map>;

  /// A part of one map.
  struct Piece {
    std::size_t size = 0;
    std::span<std::byte> mapped;  ///< empty: it is not
    int fd = -1;
    off_t offset = 0;
  };

  [[nodiscard]] bool overlaps(std::uint64_t first, std::uint64_t last) const;
  [[nodiscard]] std::expected<Backing, Refusal> backing_of(const protocol::DmaMap& request,
                                                           UniqueFd fd);
  [[nodiscard]] Mapping map_file(const protocol::DmaMap& request, int fd) const;
  [[nodiscard]] std::expected<Files::iterator, Refusal> keep(const FileKey& key, UniqueFd fd);
  [[nodiscard]] Maps take_out(Maps::iterator map);
  [[nodiscard]] std::shared_lock<std::shared_mutex> lock_for_copy() const;
  [[nodiscard]] Result<Piece> piece(GuestAddress address, std::size_t size,
                                    std::uint32_t direction) const;

  /// Held by who waits for mutex_: copies that follow each other without a pause then can't keep an
  /// unmap out.
  mutable std::mutex queue_;
  mutable std::shared_mutex mutex_;  ///< of all below; a copy shares it
  Maps maps_;                        ///< by first address
  Files files_;
  std::size_t mappings_ = 0;
  std::uint64_t mapped_bytes_ = 0;
};

}  // namespace mockdev::vfio_user
