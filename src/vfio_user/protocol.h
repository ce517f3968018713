// SPDX-License-Identifier: Apache-2.0
// The vfio-user wire format: what the bytes of a message mean. Everything is in the host's byte
// order, as both ends are on one machine. Layouts are those of the vfio-user specification and,
// where the two differ, of QEMU; most of them are the structures of Linux' <linux/vfio.h>.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace mockdev::vfio_user::protocol {

inline constexpr std::uint16_t kMajor = 0;
inline constexpr std::uint16_t kMinor = 1;

enum class Command : std::uint16_t {
  version = 1,
  dma_map = 2,
  dma_unmap = 3,
  get_info = 4,
  get_region_info = 5,
  get_region_io_fds = 6,
  get_irq_info = 7,
  set_irqs = 8,
  region_read = 9,
  region_write = 10,
  dma_read = 11,   ///< sent by the server
  dma_write = 12,  ///< sent by the server
  reset = 13,
  dirty_pages = 14,
  region_write_multi = 15,
  device_feature = 16,
  migration_read = 17,
  migration_write = 18,
};

/// Starts every message.
struct Header {
  std::uint16_t id;  ///< the sender's; a reply repeats it. Not unique: some clients send 0 always
  std::uint16_t command;  ///< a reply repeats it
  std::uint32_t size;     ///< of the whole message, with this header
  std::uint32_t flags;
  std::uint32_t error;  ///< errno value, counts only with kError
};
static_assert(sizeof(Header) == 16);

inline constexpr std::uint32_t kTypeMask = 0xf;
inline constexpr std::uint32_t kTypeCommand = 0;
inline constexpr std::uint32_t kTypeReply = 1;
inline constexpr std::uint32_t kNoReply = 0x10;
inline constexpr std::uint32_t kError = 0x20;

/// VERSION, both ways. A JSON object with a final NUL may follow.
struct Version {
  std::uint16_t major;
  std::uint16_t minor;
};
static_assert(sizeof(Version) == 4);

struct DmaMap {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint64_t offset;  ///< in the descriptor that comes along
  std::uint64_t address;
  std::uint64_t size;
};
static_assert(sizeof(DmaMap) == 32);

inline constexpr std::uint32_t kDmaRead = 1;   ///< the device may read
inline constexpr std::uint32_t kDmaWrite = 2;  ///< the device may write
/// Ways in which the descriptor may be used. libvfio-user's clients set them; this server reads and
/// writes the descriptor, which both allow.
inline constexpr std::uint32_t kDmaMmap = 4;
inline constexpr std::uint32_t kDmaFileIo = 8;

/// DMA_UNMAP, both ways: the reply repeats it.
struct DmaUnmap {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint64_t address;
  std::uint64_t size;
};
static_assert(sizeof(DmaUnmap) == 24);

inline constexpr std::uint32_t kUnmapAll = 2;
/// What the Rust vfio_user crate calls its "unmap all". Linux gives the bit to something that does
/// not exist here, so it can be taken at its word.
inline constexpr std::uint32_t kUnmapAllOfRust = 4;

struct DeviceInfo {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t regions;
  std::uint32_t irqs;
};
static_assert(sizeof(DeviceInfo) == 16);

inline constexpr std::uint32_t kDeviceResets = 1;
inline constexpr std::uint32_t kDeviceIsPci = 2;

struct RegionInfo {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t capabilities;  ///< offset of the first one, 0: none
  std::uint64_t size;
  std::uint64_t offset;
};
static_assert(sizeof(RegionInfo) == 32);

inline constexpr std::uint32_t kRegionReads = 1;
inline constexpr std::uint32_t kRegionWrites = 2;

struct RegionIoFds {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t count;
};
static_assert(sizeof(RegionIoFds) == 16);

struct IrqInfo {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t count;
};
static_assert(sizeof(IrqInfo) == 16);

inline constexpr std::uint32_t kIrqEventfd = 1;
inline constexpr std::uint32_t kIrqMaskable = 2;

/// SET_IRQS. With kIrqDataBool, one byte for each interrupt follows.
struct SetIrqs {
  std::uint32_t argsz;
  std::uint32_t flags;  ///< one kIrqData* and one kIrqAction*
  std::uint32_t index;
  std::uint32_t start;
  std::uint32_t count;
};
static_assert(sizeof(SetIrqs) == 20);

inline constexpr std::uint32_t kIrqDataNone = 1;
inline constexpr std::uint32_t kIrqDataBool = 2;
inline constexpr std::uint32_t kIrqDataEventfd = 4;
inline constexpr std::uint32_t kIrqActionMask = 8;
inline constexpr std::uint32_t kIrqActionUnmask = 16;
inline constexpr std::uint32_t kIrqActionTrigger = 32;

/// REGION_READ and REGION_WRITE, both ways. Data follows in the reply to a read and in a write.
struct RegionAccess {
  std::uint64_t offset;
  std::uint32_t region;
  std::uint32_t count;
};
static_assert(sizeof(RegionAccess) == 16);

/// REGION_WRITE_MULTI: a number of these follows its count (u64), which alone is the reply.
struct MultiWrite {
  std::uint64_t offset;
  std::uint32_t region;
  std::uint32_t count;  ///< bytes of `data` that count
  std::byte data[8];    // a wire layout
};
static_assert(sizeof(MultiWrite) == 24);

/// DMA_READ and DMA_WRITE, both ways. Data follows in the reply to a read and in a write.
struct DmaAccess {
  std::uint64_t address;
  std::uint64_t count;
};
static_assert(sizeof(DmaAccess) == 16);

/// The header of the reply to a message, with `body` bytes after it.
[[nodiscard]] inline Header reply_to(const Header& request, std::size_t body) {
  return {.id = request.id,
          .command = request.command,
          .size = static_cast<std::uint32_t>(sizeof(Header) + body),
          .flags = kTypeReply,
          .error = 0};
}

/// The whole of a reply that says no: clients expect nothing after the header.
[[nodiscard]] inline Header error_reply_to(const Header& request, int error_number) {
  return {.id = request.id,
          .command = request.command,
          .size = sizeof(Header),
          .flags = kTypeReply | kError,
          .error = static_cast<std::uint32_t>(error_number)};
}

/// Bytes of region or client memory in one message, in either direction.
inline constexpr std::uint32_t kMaxDataTransfer = 1U << 20U;

/// The largest message that is taken: the most data, and room for what stands before it.
inline constexpr std::uint32_t kMaxMessage = kMaxDataTransfer + 4096;

/// Descriptors that clients are told to send at most with one message; QEMU takes no larger figure.
inline constexpr std::uint32_t kMaxDescriptors = 16;

/// Descriptors that Linux passes in one send, and that are accepted: there are clients that do not
/// look at the figure above.
inline constexpr std::size_t kMostDescriptors = 253;

inline constexpr std::uint32_t kMaxDmaMaps = 65535;

/// The structure at the start of `bytes`, which must be long enough.
template <typename T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] T load(std::span<const std::byte> bytes) {
  T value;  // filled by the next line
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

/// The bytes of a structure.
template <typename T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace mockdev::vfio_user::protocol
