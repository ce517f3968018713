// SPDX-License-Identifier: Apache-2.0
// What a vfio-user server serves (Device), and what it may ask of the client that is connected
// (Client). The two sides of this border know nothing else of each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/units.h"

namespace mockdev::vfio_user {

/// An address in the client's memory (guest-physical, "IOVA").
enum class GuestAddress : std::uint64_t {};

/// What GET_REGION_INFO says of one region. A region of size 0 does not exist.
struct Region {
  ByteCount size;
  bool readable = false;
  bool writable = false;
};

/// What GET_IRQ_INFO says of one interrupt index. Count 0: the index has no interrupt.
struct IrqIndex {
  std::uint32_t count = 0;
  bool maskable = false;
};

/// The connected client as its device sees it. Valid from Device::connected() to
/// Device::disconnected(). All members may be called from any thread.
class Client {
 public:
  virtual ~Client() = default;

  /// Signals interrupt `vector` of `index`, if the client has given an eventfd for it; else the
  /// interrupt is lost, as on a device whose interrupts are off.
  virtual void trigger(std::uint32_t index, std::uint32_t vector) = 0;

  /// Copies client memory to `into`. The range may span several maps. Memory that came with a
  /// descriptor is read directly; other memory by messages, which waits for the client and
  /// therefore must not be called from within Device::read or Device::write: the client does not
  /// answer before it has its own reply (an error is given instead of the deadlock).
  [[nodiscard]] virtual Result<void> dma_read(GuestAddress from, std::span<std::byte> into) = 0;

  /// Copies `data` to client memory, under the same rules. Where the memory has no descriptor,
  /// the data is sent without waiting for a reply.
  [[nodiscard]] virtual Result<void> dma_write(GuestAddress to,
                                               std::span<const std::byte> data) = 0;

  /// Copies as many bytes as `buffer` has from one range of client memory to another, which does
  /// not overlap it, under the same rules: at once where both came with a descriptor, else through
  /// the buffer.
  [[nodiscard]] virtual Result<void> dma_copy(GuestAddress from, GuestAddress to,
                                              std::span<std::byte> buffer) = 0;
};

/// A device, as seen through regions and interrupts. Calls come from the one thread that serves
/// its connection, never two at a time. Nothing here may block for long: the client's virtual
/// machine stands still during a call.
class Device {
 public:
  virtual ~Device() = default;

  /// Regions and interrupt indexes, constant for the device's life. VFIO's numbering: regions 0-5
  /// are BARs, 6 ROM, 7 config space, 8 VGA; interrupts are INTx, MSI, MSI-X, error, request.
  [[nodiscard]] virtual std::span<const Region> regions() const = 0;
  [[nodiscard]] virtual std::span<const IrqIndex> irqs() const = 0;

  /// Reads or writes `region` from byte `offset`. The range lies within the region, which is
  /// readable or writable; it may have any length from 1 and any alignment. All of `into` must be
  /// filled. There is no error: a device answers, if only with ones.
  virtual void read(std::uint32_t region, std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual void write(std::uint32_t region, std::uint64_t offset,
                     std::span<const std::byte> data) = 0;

  /// The client's machine was reset.
  virtual void reset() = 0;

  /// A client has finished negotiation; it stays valid until disconnected() returns, and by then no
  /// thread of the device may be in one of its members: those that wait fail as soon as the client
  /// has left. The device goes back to its power-on state when its client leaves.
  virtual void connected(Client& client) = 0;
  virtual void disconnected() = 0;
};

}  // namespace mockdev::vfio_user
