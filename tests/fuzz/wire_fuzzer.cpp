// SPDX-License-Identifier: Apache-2.0
// Feeds a session what a client might send: any bytes, cut anywhere, with descriptors of all kinds.
//
// An input is a list of records, each of which is one receive of the session:
//   u8 kind      bits 0-1: descriptors that come along; bits 2-4: what they are (see kDescriptors);
//                bit 5: "more were lost"; bit 7: a whole message, for which the header is made here
//   u8 command   only for a whole message; 0xff stands for VERSION 0.1 with all that belongs to it
//   u16 size     of the bytes that follow; less, where the input ends before
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio_user/protocol.h"
#include "vfio_user/session.h"
#include "vfio_user/testing.h"

namespace {

using namespace mockdev;             // NOLINT(google-build-using-namespace): a program
using namespace mockdev::vfio_user;  // NOLINT(google-build-using-namespace): a program
using protocol::Header;

constexpr std::byte kGreeting{0xff};

void require(bool holds) {
  if (!holds) std::abort();
}

UniqueFd shared_file() {
  static const UniqueFd file = testing::memory_file(1U << 20U);
  return UniqueFd(::dup(file.get()));
}

UniqueFd read_only_file() {
  return UniqueFd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

UniqueFd one_end_of_a_pipe() {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_CLOEXEC) == 0);
  ::close(ends[0]);
  return UniqueFd(ends[1]);
}

using MakeDescriptor = UniqueFd (*)();
constexpr std::array<MakeDescriptor, 8> kDescriptors{
    shared_file,
    [] { return testing::memory_file(4096); },
    [] { return UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); },
    [] { return UniqueFd(::eventfd(0, EFD_CLOEXEC)); },
    read_only_file,
    one_end_of_a_pipe,
    [] { return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); },
    [] { return testing::memory_file(0); },
};

/// Uses all that a device may ask of its client from within an access: the bytes written say what.
class CuriousDevice final : public Device {
 public:
  [[nodiscard]] std::span<const Region> regions() const override { return plain_.regions(); }
  [[nodiscard]] std::span<const IrqIndex> irqs() const override { return plain_.irqs(); }
  void read(std::uint32_t region, std::uint64_t offset, std::span<std::byte> into) override {
    plain_.read(region, offset, into);
  }
  void write(std::uint32_t region, std::uint64_t offset, std::span<const std::byte> data) override {
    plain_.write(region, offset, data);
    if (data.size() < 8) return;
    const auto address = GuestAddress{protocol::load<std::uint64_t>(data)};
    std::array<std::byte, 4096> buffer{};
    const auto size = std::min<std::size_t>(offset, buffer.size());
    [[maybe_unused]] const auto read = client_->dma_read(address, std::span(buffer).first(size));
    [[maybe_unused]] const auto written = client_->dma_write(address, data);
    client_->trigger(std::to_integer<std::uint32_t>(data[0]),
                     std::to_integer<std::uint32_t>(data[1]));
  }
  void reset() override { plain_.reset(); }
  void connected(Client& client) override {
    plain_.connected(client);
    client_ = &client;
  }
  void disconnected() override {
    plain_.disconnected();
    client_ = nullptr;
  }
  [[nodiscard]] bool has_client() const { return client_ != nullptr; }

 private:
  testing::TestDevice plain_;
  Client* client_ = nullptr;
};

std::span<const std::byte> take(std::span<const std::byte>& input, std::size_t size) {
  const auto taken = input.first(std::min(size, input.size()));
  input = input.subspan(taken.size());
  return taken;
}

testing::Bytes whole_message(std::byte command, std::span<const std::byte> body) {
  if (command == kGreeting) return testing::hello();
  return testing::message(static_cast<protocol::Command>(command), body);
}

/// The next record as a receive; false at the end of the input.
bool load_record(std::span<const std::byte>& input, testing::MemoryTransport& transport) {
  if (input.size() < 4) return false;
  const auto kind = std::to_integer<unsigned>(take(input, 1)[0]);
  const bool is_message = (kind & 0x80U) != 0;
  const std::byte command = is_message ? take(input, 1)[0] : std::byte{0};
  const auto size = protocol::load<std::uint16_t>(take(input, 2));
  const auto bytes = take(input, size);
  testing::MemoryTransport::Chunk chunk;
  chunk.bytes =
      is_message ? whole_message(command, bytes) : testing::Bytes(bytes.begin(), bytes.end());
  if (chunk.bytes.empty()) return true;
  for (unsigned i = 0; i < (kind & 3U); ++i) {
    chunk.fds.push_back(kDescriptors.at((kind >> 2U) & 7U)());
  }
  chunk.fds_lost = (kind & 0x20U) != 0;
  transport.load(std::move(chunk));
  return true;
}

/// What every client relies on: whole messages, errors without a body, nothing but replies.
void check_replies(const testing::MemoryTransport& transport) {
  for (const testing::Bytes& sent : transport.sent) {
    require(sent.size() >= sizeof(Header));
    const auto header = protocol::load<Header>(sent);
    require(header.size == sent.size());
    require((header.flags & protocol::kTypeMask) == protocol::kTypeReply);
    require((header.flags & protocol::kError) == 0 || (sent.size() == 16 && header.error != 0));
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  spdlog::set_level(spdlog::level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::MemoryTransport transport;
  auto input = std::as_bytes(std::span(data, size));
  while (load_record(input, transport)) {
  }
  CuriousDevice device;
  Session session(transport, device, "fuzz");
  [[maybe_unused]] const auto served = session.serve();
  require(!device.has_client());
  check_replies(transport);
  return 0;
}
