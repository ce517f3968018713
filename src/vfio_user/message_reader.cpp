// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/message_reader.h"

#include <cstring>
#include <iterator>
#include <utility>

namespace mockdev::vfio_user {

namespace {

using protocol::Header;

/// The usual buffer. The kernel lets a sender of small messages be some 280 of them ahead (their
/// bookkeeping fills the socket's buffer), so this is enough for all that can have queued up.
/// Memory is touched only as far as bytes arrive at once.
constexpr std::size_t kUsualCapacity = 16384;

/// A buffer that grew for a large message is given back after so many receives without another.
constexpr unsigned kPatience = 64;

}  // namespace

MessageReader::MessageReader(Transport& transport, std::size_t max_size)
    : transport_(transport),
      max_size_(max_size),
      // never zeroed
      buffer_(std::make_unique_for_overwrite<std::byte[]>(kUsualCapacity)),
      capacity_(kUsualCapacity) {}

Result<Message*> MessageReader::next() {
  current_.fds.clear();
  for (;;) {
    const auto size = wanted();
    if (!size) return std::unexpected(size.error());
    if (available() >= *size) return take(*size);
    make_room(*size);
    const auto more = receive();
    if (!more) return std::unexpected(more.error());
    if (*more) continue;
    if (available() == 0) return nullptr;
    return fail("the client left in the middle of a message: {} of {} bytes", available(), *size);
  }
}

/// Size of the message that begins in the buffer; of a header, as long as that is not complete.
Result<std::size_t> MessageReader::wanted() const {
  if (available() < sizeof(Header)) return sizeof(Header);
  const auto header = protocol::load<Header>({buffer_.get() + begin_, available()});
  if (header.size < sizeof(Header) || header.size > max_size_) {
    return fail("message size {} is not between {} and {} (command {}, id {})", header.size,
                sizeof(Header), max_size_, header.command, header.id);
  }
  return header.size;
}

Message* MessageReader::take(std::size_t size) {
  const std::span<const std::byte> bytes(buffer_.get() + begin_, size);
  begin_ += size;
  given_ += size;
  message_.header = protocol::load<Header>(bytes);
  message_.body = bytes.subspan(sizeof(Header));
  message_.fds = {};
  message_.fds_lost = false;
  if (!arrivals_.empty() && arrivals_.front().place < given_) {
    current_ = std::move(arrivals_.front());
    arrivals_.erase(arrivals_.begin());
    message_.fds = current_.fds;
    message_.fds_lost = current_.lost;
  }
  return &message_;
}

/// Makes the buffer hold a message of `size` from its start, and no more memory than is needed.
void MessageReader::make_room(std::size_t size) {
  const std::size_t kept = available();
  const bool grows = size > capacity_;
  small_receives_ = size > kUsualCapacity ? 0 : small_receives_ + 1;
  const bool shrinks =
      capacity_ > kUsualCapacity && small_receives_ > kPatience && kept <= kUsualCapacity;
  if (grows || shrinks) {
    capacity_ = grows ? size : kUsualCapacity;
    // never zeroed
    auto other = std::make_unique_for_overwrite<std::byte[]>(capacity_);
    std::memcpy(other.get(), buffer_.get() + begin_, kept);
    buffer_ = std::move(other);
  } else if (kept > 0 && begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, kept);
  }
  begin_ = 0;
  end_ = kept;
}

/// Adds what the transport has to the buffer. False: the peer has left.
Result<bool> MessageReader::receive() {
  auto received = transport_.receive({buffer_.get() + end_, capacity_ - end_});
  if (!received) return std::unexpected(received.error());
  if (received->bytes == 0) return false;
  end_ += received->bytes;
  if (received->fds.empty() && !received->fds_lost) return true;
  if (auto kept = keep(std::move(*received)); !kept) return std::unexpected(kept.error());
  return true;
}

/// Remembers descriptors with their message. A message that arrives in pieces may bring some with
/// each; together they must not be more than one send can have, or a client could use up all
/// descriptors of the process.
Result<void> MessageReader::keep(Transport::Received received) {
  const std::uint64_t place = given_ + available() - 1;
  const bool in_first_message = !arrivals_.empty() &&
                                wanted().value_or(0) > arrivals_.back().place - given_ &&
                                wanted().value_or(0) > place - given_;
  if (!in_first_message) {
    arrivals_.push_back({place, std::move(received.fds), received.fds_lost});
    return {};
  }
  Arrival& last = arrivals_.back();
  last.fds.insert(last.fds.end(), std::make_move_iterator(received.fds.begin()),
                  std::make_move_iterator(received.fds.end()));
  last.lost = last.lost || received.fds_lost;
  if (last.fds.size() > protocol::kMostDescriptors) {
    return fail("{} descriptors with one message are more than {}", last.fds.size(),
                protocol::kMostDescriptors);
  }
  return {};
}

}  // namespace mockdev::vfio_user
