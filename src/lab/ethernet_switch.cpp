// SPDX-License-Identifier: Apache-2.0
#include "lab/ethernet_switch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace mockdev::lab {
namespace {

constexpr std::size_t kLengthSize = 4;
/// Two addresses and a type.
constexpr std::size_t kMinFrame = 14;
/// The largest that QEMU's cards make.
constexpr std::size_t kMaxFrame = std::size_t{68} * 1024;
constexpr int kBufferSize = 4 << 20;

MacAddress mac_at(std::span<const std::byte> frame, std::size_t offset) {
  MacAddress mac{};
  std::memcpy(mac.data(), frame.subspan(offset, mac.size()).data(), mac.size());
  return mac;
}

bool is_group(const MacAddress& mac) {
  return (mac[0] & 1U) != 0;
}

std::size_t length_of(std::span<const std::byte> received) {
  std::size_t length = 0;
  for (const std::byte byte : received.first(kLengthSize)) {
    length = length << 8U | std::to_integer<std::size_t>(byte);
  }
  return length;
}

/// With its length. A frame that does not fit is lost, as on any network; one that was sent in part
/// would be the end of the connection, which cannot be helped then.
bool send_frame(const UniqueFd& to, std::span<const std::byte> message) {
  const ssize_t sent =
      ::send(to.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return static_cast<std::size_t>(sent) == message.size();
}

}  // namespace

void EthernetSwitch::add(UniqueFd guest) {
  ::setsockopt(guest.get(), SOL_SOCKET, SO_SNDBUF, &kBufferSize, sizeof kBufferSize);
  ports_.push_back(std::make_unique<Port>(Port{.socket = std::move(guest)}));
}

std::vector<pollfd> EthernetSwitch::waits() const {
  std::vector<pollfd> waits;
  waits.reserve(ports_.size());
  for (const auto& port : ports_) {
    waits.push_back({.fd = port->socket.get(), .events = POLLIN, .revents = 0});
  }
  return waits;
}

void EthernetSwitch::serve(const std::vector<pollfd>& ready) {
  for (std::size_t i = 0; i < ready.size(); ++i) {
    if (ready[i].revents != 0) receive(*ports_.at(i));
  }
  std::erase_if(seen_, [](const auto& entry) { return entry.second->gone; });
  std::erase_if(ports_, [](const auto& port) { return port->gone; });
}

void EthernetSwitch::receive(Port& port) {
  constexpr std::size_t kPiece = std::size_t{256} * 1024;
  const std::size_t had = port.received.size();
  port.received.resize(had + kPiece);
  const ssize_t got = ::recv(port.socket.get(), port.received.data() + had, kPiece, MSG_DONTWAIT);
  port.received.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) port.gone = true;

  std::span<const std::byte> rest(port.received);
  while (!port.gone && rest.size() >= kLengthSize) {
    const std::size_t length = length_of(rest);
    if (length < kMinFrame || length > kMaxFrame) {
      port.gone = true;
      return;
    }
    if (rest.size() < kLengthSize + length) break;
    forward(port, rest.first(kLengthSize + length));
    rest = rest.subspan(kLengthSize + length);
  }
  port.received.erase(port.received.begin(),
                      port.received.end() - static_cast<std::ptrdiff_t>(rest.size()));
}

void EthernetSwitch::forward(Port& from, std::span<const std::byte> message) {
  const MacAddress to = mac_at(message, kLengthSize);
  const MacAddress source = mac_at(message, kLengthSize + to.size());
  if (!is_group(source)) seen_[source] = &from;
  const auto known = is_group(to) ? seen_.end() : seen_.find(to);
  for (const auto& port : ports_) {
    if (port.get() == &from || port->gone) continue;
    if (known != seen_.end() && known->second != port.get()) continue;
    if (!send_frame(port->socket, message)) port->gone = true;
  }
}

}  // namespace mockdev::lab
