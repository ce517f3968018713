// SPDX-License-Identifier: Apache-2.0
// The client's memory: which addresses the device may use, and access to those that came with a
// descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <span>

#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vfio_user/device.h"
#include "vfio_user/protocol.h"
#include "vfio_user/refusal.h"

namespace mockdev::vfio_user {

/// Maps are added and removed by the thread that serves the client; any thread copies.
///
/// Memory with a descriptor is read and written by pread() and pwrite(), never mapped: a client
/// that shortens its file then gets an error for its own device, not a SIGBUS for all of them.
class DmaMap {
 public:
  /// Distinct files that one client may have mapped. Virtual machines have one for each memory
  /// backend; the limit keeps one client from using up the descriptors of all.
  static constexpr std::size_t kMaxFiles = 256;

  /// DMA_MAP. `fd` may be none. Refuses unknown flags, ranges that are empty or wrap around, reach
  /// over another map (EEXIST) or beyond the end of their file, descriptors that don't allow what
  /// the flags promise, and more than kMaxDmaMaps maps or kMaxFiles files (ENOSPC).
  ///
  /// All maps of one file share one descriptor. What pread() and pwrite() can't serve (devices,
  /// huge pages) is accepted as if it had come without a descriptor.
  [[nodiscard]] Outcome add(const protocol::DmaMap& request, UniqueFd fd);

  /// DMA_UNMAP: a map that was added exactly so, or all of them. No copy uses the memory after it.
  [[nodiscard]] Outcome remove(const protocol::DmaUnmap& request);

  /// How far a copy got.
  struct Step {
    std::size_t bytes = 0;    ///< from the start of the range, that lie in one map; at least 1
    bool by_message = false;  ///< nothing was copied, for want of a descriptor
  };

  /// Copies the start of a range of client memory, as far as its first map reaches (and not
  /// more than a unit that lets remove() go ahead in between). Fails if the first address has no
  /// map, the map doesn't allow this direction, or the file has become too short.
  [[nodiscard]] Result<Step> read(GuestAddress from, std::span<std::byte> into) const;
  [[nodiscard]] Result<Step> write(GuestAddress to, std::span<const std::byte> data) const;

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

  struct Map {
    std::uint64_t size = 0;
    std::uint64_t offset = 0;
    std::uint32_t flags = 0;
    Files::iterator file;  ///< files_.end(): none
  };
  using Maps = std::map<std::uint64_t, Map>;

  /// A part of one map.
  struct Piece {
    std::size_t size = 0;
    int fd = -1;
    off_t offset = 0;
  };

  [[nodiscard]] bool overlaps(std::uint64_t first, std::uint64_t last) const;
  [[nodiscard]] std::expected<Files::iterator, Refusal> file_of(const protocol::DmaMap& request,
                                                                UniqueFd fd);
  void forget(Maps::iterator map);
  [[nodiscard]] Result<Piece> piece(GuestAddress address, std::size_t size,
                                    std::uint32_t direction) const;

  mutable std::shared_mutex mutex_;
  Maps maps_;  ///< by first address
  Files files_;
};

}  // namespace mockdev::vfio_user
