// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/remote_memory.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace mockdev::vfio_user {

namespace {

using protocol::bytes_of;
using protocol::Command;
using protocol::DmaAccess;
using protocol::Header;

std::unexpected<Error> gone() {
  return fail("the client has left");
}

Header command_header(Command command, std::uint16_t id, std::size_t body, std::uint32_t flags) {
  return {.id = id,
          .command = static_cast<std::uint16_t>(command),
          .size = static_cast<std::uint32_t>(sizeof(Header) + body),
          .flags = protocol::kTypeCommand | flags,
          .error = 0};
}

}  // namespace

std::size_t RemoteMemory::part(std::size_t size) const {
  return static_cast<std::size_t>(std::ranges::min(
      {std::uint64_t{size}, max_transfer_, std::uint64_t{protocol::kMaxDataTransfer}}));
}

Result<void> RemoteMemory::read(GuestAddress from, std::span<std::byte> into) {
  auto address = static_cast<std::uint64_t>(from);
  while (!into.empty()) {
    const std::size_t size = part(into.size());
    if (auto read = read_part({address, size}, into.first(size)); !read) return read;
    address += size;
    into = into.subspan(size);
  }
  return {};
}

Result<void> RemoteMemory::read_part(DmaAccess access, std::span<std::byte> into) {
  Pending pending{access, into, std::nullopt};
  const auto id = enter(pending);
  if (!id) return std::unexpected(id.error());
  const Header header = command_header(Command::dma_read, *id, sizeof(access), 0);
  if (auto sent = sender_.send({bytes_of(header), bytes_of(access)}); !sent) {
    const std::lock_guard lock(mutex_);
    leave(*id);
    return sent;
  }
  return wait(*id, pending);
}

Result<std::uint16_t> RemoteMemory::enter(Pending& pending) {
  const std::lock_guard lock(mutex_);
  if (closed_) return gone();
  if (pending_.size() > std::numeric_limits<std::uint16_t>::max()) {
    return fail("{} reads of client memory are under way", pending_.size());
  }
  while (pending_.contains(next_id_)) ++next_id_;
  pending_.emplace(next_id_, &pending);
  ++under_way_;
  return next_id_++;
}

void RemoteMemory::leave(std::uint16_t id) {
  pending_.erase(id);
  --under_way_;
  if (closed_) answered_.notify_all();
}

Result<void> RemoteMemory::wait(std::uint16_t id, Pending& pending) {
  std::unique_lock lock(mutex_);
  const bool answered =
      answered_.wait_for(lock, patience_, [&] { return closed_ || pending.result.has_value(); });
  leave(id);
  if (pending.result) return *pending.result;
  if (answered) return gone();
  return fail("the client did not answer DMA_READ of {:#x} bytes at {:#x} within {} ms",
              pending.access.count, pending.access.address, patience_.count());
}

Result<void> RemoteMemory::write(GuestAddress to, std::span<const std::byte> data) {
  auto address = static_cast<std::uint64_t>(to);
  while (!data.empty()) {
    const DmaAccess access{address, part(data.size())};
    std::uint16_t id = 0;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return gone();
      id = next_id_++;
    }
    const Header header =
        command_header(Command::dma_write, id, sizeof(access) + access.count, protocol::kNoReply);
    const auto sent = sender_.send({bytes_of(header), bytes_of(access), data.first(access.count)});
    if (!sent) return sent;
    address += access.count;
    data = data.subspan(access.count);
  }
  return {};
}

Result<void> RemoteMemory::deliver(const Message& reply) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(reply.header.id);
  if (found == pending_.end() ||
      reply.header.command != static_cast<std::uint16_t>(Command::dma_read)) {
    return fail("a reply that nothing waits for (command {}, id {})", reply.header.command,
                reply.header.id);
  }
  Pending& pending = *found->second;
  pending.result = take(reply, pending);
  pending_.erase(found);
  answered_.notify_all();
  return {};
}

Result<void> RemoteMemory::take(const Message& reply, const Pending& pending) {
  const DmaAccess& asked = pending.access;
  if ((reply.header.flags & protocol::kError) != 0) {
    return fail_errno(fmt::format("DMA_READ of {:#x} bytes at {:#x}", asked.count, asked.address),
                      static_cast<int>(reply.header.error));
  }
  if (reply.body.size() != sizeof(asked) + asked.count ||
      std::memcmp(reply.body.data(), &asked, sizeof(asked)) != 0) {
    return fail("the reply to DMA_READ of {:#x} bytes at {:#x} is for something else ({} bytes)",
                asked.count, asked.address, reply.body.size());
  }
  std::ranges::copy(reply.body.subspan(sizeof(asked)), pending.into.begin());
  return {};
}

void RemoteMemory::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  answered_.notify_all();
  answered_.wait(lock, [&] { return under_way_ == 0; });
}

}  // namespace mockdev::vfio_user
