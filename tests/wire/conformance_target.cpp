// SPDX-License-Identifier: Apache-2.0
// A server for the wire tests: a device that shows each part of the protocol, also those that the
// accelerator doesn't use. `vfio-user-conformance-target SOCKET [negotiation milliseconds]` serves
// until it gets SIGTERM.
//
// Regions: 0 is 4 KiB of memory; 1 reads 0xaa in 64 bytes and ignores writes; 2 takes 64 bytes and
// reads 0; 4 is 4 MiB of memory; 7 is 4 KiB of memory; others are absent. Interrupts: index 0 has
// one that is maskable, 2 has four, 3 and 4 have one.
//
// Region 0 ends in an engine that copies between client memory and the region in a thread of its
// own, as a device's engine does:
//   0xfd0 u64 address   0xfd8 u32 bytes (up to 2 KiB)   0xfdc u32 offset in region 0
//   0xfe0 u32 command: 1 reads client memory, 2 writes it, 3 signals index `bytes`, vector `offset`
//   0xfe4 u32 state: 0 idle, 1 busy, 2 done, 3 failed
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "vfio_user/device.h"
#include "vfio_user/protocol.h"
#include "vfio_user/server.h"

namespace {

using namespace mockdev;             // NOLINT(google-build-using-namespace): a program
using namespace mockdev::vfio_user;  // NOLINT(google-build-using-namespace): a program

constexpr std::size_t kEngine = 0xfd0;
constexpr std::size_t kEngineCommand = 0xfe0;
constexpr std::size_t kEngineState = 0xfe4;

enum class State : std::uint32_t { idle, busy, done, failed };

/// What is written to the engine's registers.
struct Order {
  std::uint64_t address;
  std::uint32_t bytes;
  std::uint32_t offset;
  std::uint32_t command;
};

class Target final : public Device {
 public:
  [[nodiscard]] std::span<const Region> regions() const override { return kRegions; }
  [[nodiscard]] std::span<const IrqIndex> irqs() const override { return kIrqs; }

  void read(std::uint32_t region, std::uint64_t offset, std::span<std::byte> into) override {
    const std::lock_guard lock(mutex_);
    if (region == 1) {
      std::ranges::fill(into, std::byte{0xaa});
    } else {
      std::ranges::copy(std::span(memory(region)).subspan(offset, into.size()), into.begin());
    }
  }

  void write(std::uint32_t region, std::uint64_t offset, std::span<const std::byte> data) override {
    const std::unique_lock lock(mutex_);
    std::ranges::copy(data, std::span(memory(region)).subspan(offset).begin());
    if (region == 0 && offset == kEngineCommand) start_engine();
  }

  void reset() override {
    const std::lock_guard lock(mutex_);
    for (auto& memory : memories_) memory.clear();
  }

  void connected(Client& client) override { client_ = &client; }

  void disconnected() override {
    engine_.reset();
    client_ = nullptr;
    reset();
  }

 private:
  static constexpr std::array<Region, 9> kRegions{{
      {.size = 4_KiB, .readable = true, .writable = true},
      {.size = 64_B, .readable = true},
      {.size = 64_B, .writable = true},
      {},
      {.size = 4_MiB, .readable = true, .writable = true},
      {},
      {},
      {.size = 4_KiB, .readable = true, .writable = true},
      {},
  }};
  static constexpr std::array<IrqIndex, 5> kIrqs{{{1, true}, {}, {4}, {1}, {1}}};

  std::vector<std::byte>& memory(std::uint32_t region) {
    auto& memory = memories_.at(region);
    memory.resize(kRegions.at(region).size.value());
    return memory;
  }

  void set_state(State state) {
    std::memcpy(memory(0).data() + kEngineState, &state, sizeof(state));
  }

  void start_engine() {
    const auto order = protocol::load<Order>(std::span(memory(0)).subspan(kEngine));
    set_state(State::busy);
    engine_.emplace([this, order] {
      const bool done = carry_out(order);
      const std::lock_guard lock(mutex_);
      set_state(done ? State::done : State::failed);
    });
  }

  bool carry_out(const Order& order) {
    if (order.command == 3) {
      client_->trigger(order.bytes, order.offset);
      return true;
    }
    std::vector<std::byte> data(std::min<std::size_t>(order.bytes, 2048));
    const std::size_t offset = std::min<std::size_t>(order.offset, 1024);
    if (order.command == 1) {
      if (!client_->dma_read(GuestAddress{order.address}, data)) return false;
      const std::lock_guard lock(mutex_);
      std::ranges::copy(data, memory(0).begin() + static_cast<std::ptrdiff_t>(offset));
      return true;
    }
    {
      const std::lock_guard lock(mutex_);
      std::ranges::copy(std::span(memory(0)).subspan(offset, data.size()), data.begin());
    }
    return client_->dma_write(GuestAddress{order.address}, data).has_value();
  }

  std::mutex mutex_;
  std::array<std::vector<std::byte>, 9> memories_;
  Client* client_ = nullptr;
  std::optional<std::jthread> engine_;
};

int serve(std::string_view path, std::chrono::milliseconds negotiation_time) {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  Target target;
  Server server({.negotiation_time = negotiation_time});
  if (const auto added = server.add(path, target); !added) {
    fmt::print(stderr, "{}\n", added.error().message);
    return 1;
  }
  if (const auto started = server.start(); !started) {
    fmt::print(stderr, "{}\n", started.error().message);
    return 1;
  }
  int signal = 0;
  ::sigwait(&stop, &signal);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  int milliseconds = 10'000;
  if (arguments.size() == 3) {
    const std::string_view text = arguments[2];
    std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  }
  if (arguments.size() < 2 || !start_logging("debug")) {
    fmt::print(stderr, "usage: vfio-user-conformance-target SOCKET [negotiation milliseconds]\n");
    return 2;
  }
  return serve(arguments[1], std::chrono::milliseconds(milliseconds));
}
