// SPDX-License-Identifier: Apache-2.0
#include "lab/kvm.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/unique_fd.h"

namespace mockdev::lab {

#if defined(__x86_64__)

namespace {

constexpr std::size_t kMemory = 0x10000;

// Where things are in the guest's memory.
constexpr std::uint64_t kPageMapLevel4 = 0x1000;
constexpr std::uint64_t kPageDirectoryPointers = 0x2000;
constexpr std::uint64_t kPageDirectory = 0x3000;
constexpr std::uint64_t kCode = 0x4000;

constexpr std::uint64_t kPresentAndWritable = 0x3;
constexpr std::uint64_t kLargePage = 0x80;

// movd xmm0, eax; pxor xmm0, xmm0; hlt: vector instructions are what half-working KVMs lack.
// With BMI2 the second is shlx, encoded with a VEX prefix, as current kernels' unpackers use it.
constexpr std::array<std::uint8_t, 9> kPlainCode = {0x66, 0x0f, 0x6e, 0xc0, 0x66,
                                                    0x0f, 0xef, 0xc0, 0xf4};
constexpr std::array<std::uint8_t, 6> kVexCode = {0xc4, 0x42, 0x69, 0xf7, 0xc0, 0xf4};

/// A mapping that is unmapped at the end.
class Mapping {
 public:
  Mapping(std::size_t size, int flags, int fd)
      : address_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0)), size_(size) {}
  ~Mapping() {
    if (*this) ::munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  Mapping(Mapping&&) = delete;
  Mapping& operator=(Mapping&&) = delete;

  [[nodiscard]] explicit operator bool() const { return address_ != MAP_FAILED; }
  [[nodiscard]] std::uint8_t* bytes() const { return static_cast<std::uint8_t*>(address_); }

 private:
  void* address_;
  std::size_t size_;
};

void put(const Mapping& memory, std::uint64_t where, std::uint64_t value) {
  std::memcpy(memory.bytes() + where, &value, sizeof value);
}

/// The first 2 MiB mapped to themselves, and the code.
void fill(const Mapping& memory) {
  put(memory, kPageMapLevel4, kPageDirectoryPointers | kPresentAndWritable);
  put(memory, kPageDirectoryPointers, kPageDirectory | kPresentAndWritable);
  put(memory, kPageDirectory, kPresentAndWritable | kLargePage);
  const bool has_bmi2 = __builtin_cpu_supports("bmi2");
  if (has_bmi2) {
    std::ranges::copy(kVexCode, memory.bytes() + kCode);
  } else {
    std::ranges::copy(kPlainCode, memory.bytes() + kCode);
  }
}

/// kvm_cpuid2 as C has it. The kernel's header gives it another size in C++, and with that the
/// request another number, which the kernel does not know.
struct CpuidHead {
  std::uint32_t count;
  std::uint32_t padding;
};
struct CpuidTable {
  CpuidHead head;
  std::array<kvm_cpuid_entry2, 256> entries;
};
constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, CpuidHead);
constexpr unsigned long kSetCpuid = _IOW(KVMIO, 0x90, CpuidHead);

bool give_host_features(int kvm, int cpu) {
  CpuidTable table{};
  table.head.count = table.entries.size();
  return ::ioctl(kvm, kGetSupportedCpuid, &table) == 0 && ::ioctl(cpu, kSetCpuid, &table) == 0;
}

bool set_long_mode(int cpu) {
  kvm_sregs registers{};
  if (::ioctl(cpu, KVM_GET_SREGS, &registers) != 0) return false;
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = 0x10;
  segment.present = 1;
  segment.type = 3;  // data, writable, accessed
  segment.s = 1;
  segment.g = 1;
  registers.ds = registers.es = registers.fs = registers.gs = registers.ss = segment;
  segment.selector = 0x08;
  segment.type = 11;  // code, readable, accessed
  segment.l = 1;
  registers.cs = segment;
  registers.cr3 = kPageMapLevel4;
  registers.cr4 = 0x620;       // PAE, OSFXSR, OSXMMEXCPT
  registers.cr0 = 0x80000011;  // PG, ET, PE
  registers.efer = 0x500;      // LMA, LME
  kvm_regs start{};
  start.rip = kCode;
  start.rflags = 2;
  return ::ioctl(cpu, KVM_SET_SREGS, &registers) == 0 && ::ioctl(cpu, KVM_SET_REGS, &start) == 0;
}

}  // namespace

Result<void> try_kvm() {
  const UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm) return fail_errno("/dev/kvm", errno);
  const UniqueFd machine(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!machine) return fail_errno("/dev/kvm: create a machine", errno);

  const Mapping memory(kMemory, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!memory) return fail_errno("mmap", errno);
  fill(memory);
  kvm_userspace_memory_region region{};
  region.memory_size = kMemory;
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory.bytes());
  if (::ioctl(machine.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) {
    return fail_errno("/dev/kvm: memory", errno);
  }

  const UniqueFd cpu(::ioctl(machine.get(), KVM_CREATE_VCPU, 0));
  if (!cpu) return fail_errno("/dev/kvm: create a CPU", errno);
  const int shared_size = ::ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (shared_size < 0) return fail_errno("/dev/kvm: CPU state", errno);
  const Mapping shared(static_cast<std::size_t>(shared_size), MAP_SHARED, cpu.get());
  if (!shared || !give_host_features(kvm.get(), cpu.get()) || !set_long_mode(cpu.get())) {
    return fail_errno("/dev/kvm: CPU state", errno);
  }
  if (::ioctl(cpu.get(), KVM_RUN, 0) != 0) return fail_errno("/dev/kvm: run", errno);
  std::uint32_t exit_reason = 0;
  std::memcpy(&exit_reason, shared.bytes() + offsetof(kvm_run, exit_reason), sizeof exit_reason);
  if (exit_reason == KVM_EXIT_HLT) return {};
  return fail(
      "/dev/kvm: does not run plain instructions here (exit reason {}, nested virtualisation "
      "without hardware support?)",
      exit_reason);
}

#else

Result<void> try_kvm() {
  return fail("/dev/kvm: the machines of a lab are of another architecture than this computer");
}

#endif

}  // namespace mockdev::lab
