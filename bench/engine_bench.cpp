// SPDX-License-Identifier: Apache-2.0
// What the engine's copies cost, as ratios to memcpy() of as many bytes: from a client's memory,
// which is sealed as QEMU's is, through the ring to the interrupt. Both are measured in turn on one
// CPU, as the time that it works for this process: all that a copy takes is done by its threads.
// Prints rows of `name | value | target | ok?`; medians of the rounds.
#include <array>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "accel/accelerator.h"
#include "base/log.h"
#include "base/mapping.h"
#include "comparison.h"
#include "server/direct_device.h"
#include "vfio_user/session.h"
#include "vfio_user/socket_transport.h"
#include "vfio_user/testing.h"

namespace {

using namespace mockdev;         // NOLINT(google-build-using-namespace): a program
using namespace mockdev::bench;  // NOLINT(google-build-using-namespace): a program
namespace wire = vfio_user::protocol;
using vfio_user::testing::join;

constexpr std::uint32_t kDescriptors = 16;
constexpr std::uint64_t kCopy = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMemory = std::uint64_t{1} << 32U;  // address; the ring is at its start
constexpr std::uint64_t kData = std::uint64_t{1} << 20U;    // offsets in it
constexpr std::uint64_t kMemorySize = std::uint64_t{8} << 20U;
constexpr std::uint8_t kFromDevice = MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE;
constexpr std::uint8_t kToDevice = MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE;
constexpr std::uint64_t kMsixControl = 0x90 + PCI_MSIX_FLAGS;

/// A client with an accelerator of its own, whose engine is enabled.
class Machine {
 public:
  Machine() {
    if (!client_.greet()) give_up("no VERSION reply");
    ask(wire::Command::dma_map,
        join(wire::DmaMap{.argsz = sizeof(wire::DmaMap),
                          .flags = vfio_user::testing::kReadWrite,
                          .offset = 0,
                          .address = kMemory,
                          .size = kMemorySize}),
        file_.get());
    ask(wire::Command::set_irqs,
        join(wire::SetIrqs{.argsz = sizeof(wire::SetIrqs),
                           .flags = wire::kIrqDataEventfd | wire::kIrqActionTrigger,
                           .index = VFIO_PCI_MSIX_IRQ_INDEX,
                           .start = MOCK_ACCEL_VECTOR_ENGINE,
                           .count = 1}),
        interrupt_.get());
    write<std::uint16_t>(VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, PCI_COMMAND_MASTER);
    write<std::uint16_t>(VFIO_PCI_CONFIG_REGION_INDEX, kMsixControl, PCI_MSIX_FLAGS_ENABLE);
    write<std::uint64_t>(0, MOCK_ACCEL_REG_RING_BASE, kMemory);
    write<std::uint32_t>(0, MOCK_ACCEL_REG_RING_SIZE, kDescriptors);
    write<std::uint32_t>(0, MOCK_ACCEL_REG_ENGINE_CONTROL, MOCK_ACCEL_ENGINE_ENABLE);
  }
  ~Machine() { client_.leave(); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  Machine(Machine&&) = delete;
  Machine& operator=(Machine&&) = delete;

  /// Puts `count` copies into the ring, rings once, and waits for the last one's interrupt.
  void copy(std::uint8_t flags, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i, ++tail_) {
      put(tail_ % kDescriptors * sizeof(mock_accel_descriptor), descriptor(flags, i + 1 == count));
    }
    write(0, MOCK_ACCEL_REG_RING_TAIL, tail_);
    eventfd_t interrupts = 0;
    if (::eventfd_read(interrupt_.get(), &interrupts) != 0) give_up("no interrupt");
    mock_accel_completion done{};
    std::memcpy(&done, memory_.bytes().subspan(kRecord).data(), sizeof(done));
    if (done.status != MOCK_ACCEL_DONE_OK || done.bytes != kCopy) give_up("a copy went wrong");
  }

 private:
  static constexpr std::uint64_t kRecord = kData / 2;

  static mock_accel_descriptor descriptor(std::uint8_t flags, bool is_last) {
    mock_accel_descriptor descriptor{};
    descriptor.operation = MOCK_ACCEL_OP_COPY;
    descriptor.flags = flags;
    if (is_last) descriptor.flags |= MOCK_ACCEL_DESCRIPTOR_INTERRUPT;
    descriptor.source = (flags & kFromDevice) != 0 ? 0 : kMemory + kData;
    // Within one memory, beside the source.
    descriptor.destination = (flags & kToDevice) != 0 ? 2 * kCopy : kMemory + kData + 2 * kCopy;
    descriptor.length = kCopy;
    descriptor.completion = kMemory + kRecord;
    return descriptor;
  }

  void put(std::uint64_t offset, const mock_accel_descriptor& descriptor) {
    std::memcpy(memory_.bytes().subspan(offset).data(), &descriptor, sizeof(descriptor));
  }
  void ask(wire::Command command, const vfio_user::testing::Bytes& body, int fd) {
    if (client_.ask(command, body, {fd}).error() != 0) give_up("a request was refused");
  }
  template <typename Number>
  void write(std::uint32_t region, std::uint64_t offset, Number value) {
    const auto reply = client_.ask(wire::Command::region_write,
                                   join(wire::RegionAccess{offset, region, sizeof(value)}, value));
    if (reply.error() != 0) give_up("a register was refused");
  }

  UniqueFd file_ = vfio_user::testing::sealed_memory_file(kMemorySize);
  Mapping memory_ = *Mapping::of_file(file_.get(), 0, kMemorySize, PROT_READ | PROT_WRITE);
  UniqueFd interrupt_{::eventfd(0, EFD_CLOEXEC)};
  std::uint32_t tail_ = 0;
  std::unique_ptr<accel::Accelerator> accelerator_ =
      *accel::Accelerator::make({.uuid = *parse_uuid("00112233-4455-6677-8899-aabbccddeeff"),
                                 .memory = 1_GiB,
                                 .capabilities = MOCK_ACCEL_CAP_COMPUTE});
  server::DirectDevice device_{*accelerator_};
  std::pair<UniqueFd, UniqueFd> ends_ = vfio_user::testing::socket_pair();
  vfio_user::testing::TestClient client_{std::move(ends_.first)};
  std::jthread session_{[this] {
    vfio_user::SocketTransport transport(std::move(ends_.second));
    vfio_user::Session session(transport, device_, "bench");
    if (const auto served = session.serve(); !served) give_up(served.error().message);
  }};
};

/// memcpy() between pages of the process' own, `count` times.
class OwnCopy {
 public:
  void run(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      std::memcpy(to_.data(), from_.data(), kCopy);
      from_[i] = to_[kCopy - 1];  // the copy is wanted
    }
  }

 private:
  std::vector<std::byte> from_ = std::vector<std::byte>(kCopy, std::byte{1});
  std::vector<std::byte> to_ = std::vector<std::byte>(kCopy);
};

/// Microseconds of processor time that all threads of the process have had.
double processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void compare_with_memcpy() {
  struct Direction {
    std::string_view name;
    std::uint8_t flags;
  };
  constexpr auto kDirections =
      std::to_array<Direction>({{"to the device", kToDevice},
                                {"from the device", kFromDevice},
                                {"within the device", kFromDevice | kToDevice},
                                {"within the machine's memory", 0}});
  Machine machine;
  OwnCopy own;
  const auto compare = [&](std::uint8_t flags, std::uint32_t count) {
    const auto per_copy = [&](auto work) {
      const double start = processor_time();
      work();
      return (processor_time() - start) / count;
    };
    return Comparison([&] { return per_copy([&] { own.run(count); }); },
                      [&] { return per_copy([&] { machine.copy(flags, count); }); });
  };
  for (const auto& [name, flags] : kDirections) {
    compare(flags, kDescriptors)
        .print(fmt::format("1 MiB {}, {} in the ring, against memcpy()", name, kDescriptors), 0.8);
  }
  // The rest is the way of doorbell and interrupt.
  compare(kToDevice, 1).print("1 MiB to the device, one at a time, against memcpy()", 0.2);
}

}  // namespace

int main() {
  if (const auto quiet = start_logging("error"); !quiet) give_up(quiet.error().message);
  pin_to_one_cpu();
  compare_with_memcpy();
  return 0;
}
